/** A command for a shell that runs a task: `make run-task TASK=features STORE=… ARGS="--window 30"`. */
export function runTaskCommand(task: string, args: string[], store: string): string {
  const list = args.map(quoteForShell).join(' ');
  return `make run-task TASK=${task} STORE=${quoteForMake(store)}${list && ` ARGS=${quoteForMake(list)}`}`;
}

/** A make variable: the shell takes the quotes away, and make turns $$ into $. */
function quoteForMake(value: string): string {
  const escaped = value.replaceAll('$', '$$$$');
  return /[ '()&;<>|*?]/.test(value) && !/["$`\\!]/.test(value) ? `"${value}"` : quoteForShell(escaped);
}

/** A word for a shell. */
export function quoteForShell(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
