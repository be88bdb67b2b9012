import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import winston from 'winston';

export type Logger = winston.Logger;

const { combine, timestamp, json, printf } = winston.format;

const jsonLines = combine(timestamp(), json());

const plainText = printf(({ level, message, ...fields }) => {
  const details = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [
    level === 'info' ? '' : `${level}: `,
    message,
    details.length > 0 ? `  ${details.join(' ')}` : '',
  ].join('');
});

/** Logs to standard error: JSON lines, or plain text for people. */
export function createLogger(forPeople: boolean): Logger {
  const console = new winston.transports.Stream({
    stream: process.stderr,
    format: forPeople ? plainText : jsonLines,
  });
  return winston.createLogger({ level: 'info', transports: [console] });
}

/** Also logs to a file, as JSON lines. If the file is not writable, the task goes on. */
export async function logToFile(log: Logger, path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const stream = createWriteStream(path, { flags: 'a' });
    await once(stream, 'open');
    const transport = new winston.transports.Stream({ stream, format: jsonLines });
    stream.on('error', () => log.remove(transport));
    log.add(transport);
  } catch (error) {
    log.warn('the log file is not writable; logging goes on without it', {
      path,
      reason: (error as Error).message,
    });
  }
}

/** Closes the logger after every line is written. */
export async function closeLogger(log: Logger): Promise<void> {
  log.end();
  await finished(log, { readable: false });
}
