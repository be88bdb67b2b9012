declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on an open file if no other process holds it. Returns whether it did. */
  export function tryLock(fd: number): boolean;
  /** Waits for an exclusive lock on an open file. Closing the file or ending the process releases it. */
  export function waitForLock(fd: number): Promise<void>;
}
