/**
 * What the container inside `@peculiar/x509` asks of the runtime before it loads: metadata of constructors,
 * which its own build has none of. So each question has the answer "none"; a polyfill that is there stays.
 */
const none = {
  getMetadata: () => undefined,
  getOwnMetadata: () => undefined,
  defineMetadata: () => undefined,
};

for (const [name, value] of Object.entries(none)) {
  if (!(name in Reflect)) Object.defineProperty(Reflect, name, { value, configurable: true, writable: true });
}
