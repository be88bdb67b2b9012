import winston from 'winston';

export type Logger = winston.Logger;

const { combine, timestamp, json, printf } = winston.format;

const lines = combine(timestamp(), json());

const readable = printf(({ level, message, ...fields }) => {
  const details = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [
    level === 'info' ? '' : `${level}: `,
    message,
    details.length > 0 ? `  ${details.join(' ')}` : '',
  ].join('');
});

/** Logs to standard error, so that standard output stays free for what a command prints: JSON lines, or text for people. */
export function createLogger(forPeople: boolean): Logger {
  const console = new winston.transports.Stream({
    stream: process.stderr,
    format: forPeople ? readable : lines,
  });
  return winston.createLogger({ level: 'info', transports: [console] });
}

/** Logs to a file, too: JSON lines. A task does not end because its log cannot be written. */
export function logToFile(log: Logger, path: string): void {
  const file = new winston.transports.File({ filename: path, format: lines });
  file.on('error', (error) => {
    log.remove(file);
    log.warn('the log file cannot be written', { path, reason: error.message });
  });
  log.add(file);
}

/** Ends the logger once every line is written. */
export async function closeLogger(log: Logger): Promise<void> {
  const ends = log.transports.map((transport) => new Promise((done) => transport.once('finish', done)));
  log.end();
  await Promise.all(ends);
}
