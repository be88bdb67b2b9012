/** Everything that is put on the page goes in as text or as elements made here: no string is ever read as HTML. */

/** @typedef {Record<string, string | number | boolean | EventListener>} Attributes */

/**
 * An element of the page that is known to be there.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * Makes an HTML element.
 * @param {string} name
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
export function html(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/**
 * Makes an SVG element.
 * @param {string} name
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

/** Of what scrolls by itself where it is too wide, by keyboard, too. */
export const SCROLL = { class: 'scroll', tabindex: 0, role: 'region' };

/**
 * A table that scrolls by itself where it is too wide.
 * @param {string} label what it is a table of
 * @param {string[]} head
 * @param {string[][]} rows the first cell of each is its heading
 * @param {boolean[]} isNumeric for each column
 */
export function table(label, head, rows, isNumeric = head.map((_, index) => index > 0)) {
  const look = (/** @type {number} */ index) => (isNumeric[index] ? { class: 'number' } : {});
  const cell = (/** @type {string} */ text, /** @type {number} */ index) =>
    index === 0 ? html('th', { scope: 'row', ...look(0) }, text) : html('td', look(index), text);
  const heading = (/** @type {string} */ text, /** @type {number} */ index) =>
    html('th', { scope: 'col', ...look(index) }, text);
  return html(
    'div',
    { ...SCROLL, 'aria-label': label },
    html(
      'table',
      {},
      html('thead', {}, html('tr', {}, ...head.map(heading))),
      html('tbody', {}, ...rows.map((row) => html('tr', {}, ...row.map(cell)))),
    ),
  );
}

/**
 * Says that there is nothing to show, and why.
 * @param {string} text
 */
export function nothing(text) {
  return html('p', { class: 'empty' }, text);
}

/**
 * Draws now, and again whenever the element has another width.
 * @param {Element} element
 * @param {(width: number) => void} draw
 */
export function drawToFit(element, draw) {
  let last = 0;
  new ResizeObserver(() => {
    const width = Math.floor(element.clientWidth);
    if (width === 0 || width === last) return;
    last = width;
    draw(width);
  }).observe(element);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 * @returns {E}
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (typeof value === 'boolean') element.toggleAttribute(name, value);
    else element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}
