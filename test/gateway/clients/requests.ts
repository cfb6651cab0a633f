/** What the cases ask. */
export const says = (content: unknown, role = 'user') => ({ role, content });
export const chat = (more: Record<string, unknown> = {}) => ({
  model: '$model',
  messages: [says('Say hello to the world.')],
  max_tokens: 16,
  ...more,
});
