/** A tool of the smallest use, and the choice of one by its name. */
export const A_TOOL = {
  type: 'function',
  function: {
    name: 'rent',
    parameters: { type: 'object', properties: { hours: { type: 'integer' }, gpu: { enum: ['RTX 4090'] } } },
  },
};
export const named = (name: string) => ({ type: 'function', function: { name } });
