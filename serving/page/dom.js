/** Makes the elements of the page. Strings become text or attributes; none is parsed as HTML. */

/** @typedef {Record<string, string | number | boolean | EventListener>} Attributes */

/**
 * An element of index.html.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * @param {string} name
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
export function html(name, attributes = {}, ...children) {
  return build(document.createElement(name), attributes, children);
}

/**
 * @param {string} name
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
export function svg(name, attributes = {}, ...children) {
  return build(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

/**
 * A table. Where it is too wide, each row becomes a block of names and values.
 * @param {string} label for screen readers
 * @param {string[]} head
 * @param {string[][]} rows the first cell is the row's heading
 * @param {boolean[]} isNumeric by column: numbers are aligned right
 */
export function table(label, head, rows, isNumeric = head.map((_, index) => index > 0)) {
  const alignment = (/** @type {number} */ index) => (isNumeric[index] ? { class: 'number' } : {});
  const cell = (/** @type {string} */ text, /** @type {number} */ index) =>
    index === 0
      ? html('th', { scope: 'row', ...alignment(0) }, text)
      : html('td', { ...alignment(index), 'data-name': head[index] }, text);
  const heading = (/** @type {string} */ text, /** @type {number} */ index) =>
    html('th', { scope: 'col', ...alignment(index) }, text);
  const table = html(
    'table',
    { 'aria-label': label },
    html('thead', {}, html('tr', {}, ...head.map(heading))),
    html('tbody', {}, ...rows.map((row) => html('tr', {}, ...row.map(cell)))),
  );
  const frame = html('div', { class: 'table' }, table);
  drawToFit(frame, (width) => {
    table.classList.remove('stacked');
    table.classList.toggle('stacked', table.scrollWidth > width);
  });
  return frame;
}

/**
 * Says why a panel is empty.
 * @param {string} text
 */
export function emptyNote(text) {
  return html('p', { class: 'empty' }, text);
}

/**
 * Calls draw with the element's width in CSS pixels, now and whenever it changes.
 * @param {Element} element
 * @param {(width: number) => void} draw
 */
export function drawToFit(element, draw) {
  let drawnWidth = 0;
  new ResizeObserver(() => {
    const width = Math.floor(element.clientWidth);
    if (width === 0 || width === drawnWidth) return;
    drawnWidth = width;
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
function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (typeof value === 'boolean') element.toggleAttribute(name, value);
    else element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}
