import { html, table } from './dom.js';

/**
 * Renders the Markdown that our tasks write: headings, paragraphs, lists, tables, emphasis and
 * code. It leaves out images, and shows everything else, including HTML, as text.
 * @param {string} text
 * @param {number} level of the heading for a single #
 * @returns {HTMLElement[]}
 */
export function fromMarkdown(text, level) {
  return text
    .split(/\n{2,}/)
    .map((block) => block.trim())
    .filter((block) => block !== '' && !/^!\[[^\]]*\]\([^)]*\)$/.test(block))
    .map((block) => fromBlock(block, level));
}

/**
 * The header and rows of the first table in a text; undefined if there is none.
 * @param {string} text
 */
export function firstTable(text) {
  const block = text.split(/\n{2,}/).find((block) => isTable(block.trim()));
  return block && readTable(block.trim());
}

/**
 * @param {string} block
 * @param {number} level
 */
function fromBlock(block, level) {
  const heading = /^(#+) (.*)$/.exec(block);
  if (heading) return html(`h${Math.min(6, level + heading[1].length - 1)}`, {}, ...inline(heading[2]));
  if (isTable(block)) {
    const { head, rows, isNumeric } = readTable(block);
    return table(head[0] || 'Table', head, rows, isNumeric);
  }
  if (block.startsWith('- ')) {
    const items = block.slice(2).split(/\n- /);
    return html('ul', {}, ...items.map((item) => html('li', {}, ...inline(item))));
  }
  return html('p', {}, ...inline(block));
}

/** @param {string} block */
function isTable(block) {
  return /^\|.*\|\n\|[-:| ]+\|/.test(block);
}

/** @param {string} block */
function readTable(block) {
  const [head = [], rule = [], ...rows] = block.split('\n').map((line) =>
    line
      .replace(/^\|/, '')
      .replace(/\|\s*$/, '')
      .split('|')
      .map((cell) => cell.trim()),
  );
  return { head, rows, isNumeric: rule.map((cell) => cell.endsWith(':')) };
}

/** @param {string} text */
function inline(text) {
  return text
    .replaceAll('\n', ' ')
    .split(/(`[^`]+`|\*\*[^*]+\*\*|\*[^*]+\*)/)
    .filter((part) => part !== '')
    .map((part) => {
      if (/^`.+`$/.test(part)) return html('code', {}, part.slice(1, -1));
      if (/^\*\*.+\*\*$/.test(part)) return html('strong', {}, part.slice(2, -2));
      return /^\*.+\*$/.test(part) ? html('em', {}, part.slice(1, -1)) : part;
    });
}
