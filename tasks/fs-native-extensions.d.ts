declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on an open file, once nobody else has it. The system frees it when the file is closed, or its process ends. */
  export function waitForLock(fd: number): Promise<void>;
}
