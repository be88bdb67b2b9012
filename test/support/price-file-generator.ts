/** Small price files at random, most of them unusual in a few places. */
import { HEADER } from './fixtures.ts';

const LINE_ENDS = ['\n', '\r\n', '\r', '\n\r', '\r\r\n', '\n\n', '\r\r', '\r\n\n'];

/** Texts that one reader might take for something else than the other. */
const ODD_TEXTS = splitTable(
  '"|\'|`|,|;|\t|\v|\f|\r|\n|\x00| |\x1a|\x1b|\x7f|_|+|-|.|e|E|x|X|n|N|#|\\|/|$|%|:|""|" | "|',
  ',,|,"|",|\r\n|\n\r|\r\r\n|+-|-+|\x00\x00|\\"|\\n|""""|\u00a0|\u2003|\u3000|\u200b|\u2028|',
  '\u0085|\ufeff|\u0663|\uff11|\u2212|é|😀',
);

const ODD_BYTES = ['ff', 'fe ff', 'c3', 'e2 80', 'c0 80', '80', 'ed a0 80', 'ef bb bf'];

const ODD_NUMBERS = splitTable(
  '|""| |\t|"|""""|" "| 1|1 |\t1\t|"1"| "1"|"1" |" 1 "|"1"2|1"2"|"1|1"|"1,5"|"1\n"|"1\r"|',
  '"1""2"|\'1\'|\v1|1\v|\f1|1\f|\r1|1\r|\x001|1\x00|\x00|\x1a|+1|-1|+-1|-+1|--1|++1|- 1|+ 1|+|-|',
  '.|+.|1.|.5|-.5|+.5|1..5|1.5.|1e5|1E5|1e+5|1e-5|1e+-5|1e-+5|1e|1e+|e5|.e5|1.e5|1e5.5|1 e5|',
  '1e 5|1e0005|1e308|1.8e308|1.7976931348623157e308|1.7976931348623159e308|1e400|-1e400|1e-400|',
  '5e-324|2e-324|1e99999999999|1e-99999999999|0e99999999999|1e2147483648|',
  '1e18446744073709551616|0.1e1|0|-0|-0.0|00|00012|007|0.1|9.050000190734863|',
  '0.30000000000000004|2.2250738585072011e-308|123.0|123.5|1000000|9007199254740991|',
  '9007199254740992|9007199254740991.4|9007199254740993|1e15|1e16|18446744073709551615|',
  '18446744073709551616|9223372036854775807|123456789012345678901234567890|0x10|0X1P3|0b1|0o7|',
  '1_000|_1|1_|1__0|1,000|1;|1:|1%|$1|1d|1f|1L|1n|(1)|nan|NaN|-nan|+nan|nan(1)|inf|-inf|+inf|',
  'Infinity|-Infinity|infinit|INF|1inf|#1|1#|null|NULL|None|NA|\\N|#N/A|-|true|abc|1 2|\u0661|',
  '\uff11|\u22121|1\u00a0|\u20031|\ufeff1',
);

const ODD_DATES = splitTable(
  '|""| |"2020-02-03"| 2020-02-03|2020-02-03 |"2020-02-03|2020-02-03"|\t2020-02-03|',
  '\r2020-02-03|2020-02-30|2019-02-29|2020-02-29|1900-02-29|2000-02-29|2020-13-01|2020-00-10|',
  '2020-01-00|2020-04-31|0000-01-01|0001-01-01|9999-12-31|12020-01-01|-2020-01-01|+2020-01-01|',
  '2020-1-2|2020/01/02|20200102|2020-01-02 00:00:00|2020-01-02T00:00:00Z|2020-01-02\x00|',
  '\x002020-01-02|2020-01-02\v|infinity|-infinity|epoch|0001-01-01 (BC)|2020-01-02 (BC)|today|',
  'Date|#2020-01-02|\uff12020-01-02|2020\u201001\u201002|2020-01-0\u0661|NULL',
);

/** § stands for the right header. */
const ODD_HEADERS = splitTable(
  '| |\n|\r|\0|\uFEFF|\n§|\r\n§|\r§| §|§ |§\t|\uFEFF§|\uFEFF\uFEFF§|\uFEFF\n§|§,|§,""|,§|"§"|',
  '§\r|§\n§|§,More|§\0|"Date","Open","High","Low","Close","Adj Close","Volume"|',
  '\uFEFF"Date","Open","High","Low","Close","Adj Close","Volume"|',
  'Date,Open,High,Low,Close,"Adj Close",Volume|Date, "Open",High,Low,Close,Adj Close,Volume|',
  'Date,"Open,High,Low,Close,Adj Close,Volume|Date,"Open" ,High,Low,Close,Adj Close,Volume|',
  'date,open,high,low,close,adj close,volume|Date;Open;High;Low;Close;Adj Close;Volume|',
  'Date, Open, High, Low, Close, Adj Close, Volume|"Date,Open",High,Low,Close,Adj Close,Volume|',
  'Open,High,Low,Close,Adj Close,Volume|Date,"Op""en",High,Low,Close,Adj Close,Volume|',
  'Date,Open,High,Low,Close,Volume,Adj Close|2020-01-01,1,1,1,1,1,1|',
  'Date,\nOpen,High,Low,Close,Adj Close,Volume',
).map((header) => header.replaceAll('§', HEADER));

const ODD_LINES = splitTable('| |\t|""|,|,,,,,,|\0|#|2020-01-01|""""|"|",,,,,,"|2020-01-01,,,,,,');

/** The texts of a table, separated by bars. */
function splitTable(...lines: string[]): string[] {
  return lines.join('').split('|');
}

/** The price file with this number: always the same. */
export function generatePriceFile(number: number): Buffer {
  const random = createRandom(number);
  const chance = (probability: number) => random() < probability;
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <Item>(items: Item[]): Item => items[below(items.length)] as Item;

  /** How often fields, line ends and bytes of this file are odd, and fields in quotes. */
  const oddFields = pick([0, 0.02, 0.02, 0.2]);
  const oddLineEnds = pick([0, 0, 0.05, 0.5]);
  const oddBytes = pick([0, 0, 1, 1, 3]);
  const quotes = pick([0, 0, 0, 0.1, 1]);
  const lineEndOfFile = chance(0.4) ? pick(LINE_ENDS) : '\n';

  const maybeQuoted = (field: string) => (chance(quotes) ? `"${field}"` : field);

  const price = () =>
    pick([String(below(1000)), String(random() * 100), String(random() * 1e-6), `${below(1e6)}.0`]);

  const randomText = () =>
    Array.from({ length: 1 + below(6) }, () => pick([...'00112359+-.eE _"\t'])).join('');

  const longNumber = () =>
    pick(['0', '1', ' ', '0.']).repeat(pick([90, 480, 960, 990, 3000, 70_000])) +
    pick(['', '1', '.5', 'e-9']);

  const oddNumber = () => {
    if (chance(0.02)) return longNumber();
    return chance(0.3) ? randomText() : pick(ODD_NUMBERS);
  };

  const row = (index: number): string => {
    const day = new Date(Date.UTC(2020, 0, 1 + index)).toISOString().slice(0, 10);
    const fields = [
      chance(oddFields) ? pick(ODD_DATES) : maybeQuoted(day),
      ...Array.from({ length: 5 }, () => (chance(oddFields) ? oddNumber() : maybeQuoted(price()))),
      chance(oddFields) ? oddNumber() : maybeQuoted(String(below(1e7))),
    ];
    // Fields that are missing, or too many.
    const added = Array.from({ length: below(3) }, () => pick(['', '1', ' ', '""']));
    if (chance(oddFields)) fields.splice(below(8), below(3), ...added);
    return chance(oddFields / 2) ? pick(ODD_LINES) : fields.join();
  };

  const lines = [chance(0.12) ? pick(ODD_HEADERS) : HEADER];
  for (let index = below(7); index > 0; index--) lines.push(row(chance(0.9) ? lines.length : below(7)));
  let text = lines.map((line) => line + (chance(oddLineEnds) ? pick(LINE_ENDS) : lineEndOfFile)).join('');
  if (chance(0.2)) text = text.replace(/[\r\n]+$/, '');
  let content = chance(0.005) ? Buffer.from(`\uFEFF${text}`, 'utf16le') : Buffer.from(text);
  for (let count = 0; count < oddBytes; count++) {
    // Half of them just behind the header.
    const place = Math.min(below(content.length + 1), chance(0.5) ? HEADER.length + below(40) : Infinity);
    const odd = chance(0.15)
      ? Buffer.from(pick(ODD_BYTES).replaceAll(' ', ''), 'hex')
      : Buffer.from(pick(ODD_TEXTS));
    const inserted = chance(0.9) ? odd : Buffer.alloc(0);
    content = Buffer.concat([content.subarray(0, place), inserted, content.subarray(place + below(2))]);
  }
  return content;
}

/** Numbers from 0 to 1 that follow from the seed: mulberry32. */
function createRandom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
