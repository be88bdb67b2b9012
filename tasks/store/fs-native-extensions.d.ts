declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on an open file, if nobody else has it, and says whether it did. */
  export function tryLock(fd: number): boolean;
  /** Takes an exclusive lock on an open file, once nobody else has it. The system frees it when the file is closed, or its process ends. */
  export function waitForLock(fd: number): Promise<void>;
}
