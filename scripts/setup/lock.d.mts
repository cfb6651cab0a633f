/** Does `work` while no other process of this user does what has the same name. */
export function withLock<T>(name: string, work: () => Promise<T>): Promise<T>;
