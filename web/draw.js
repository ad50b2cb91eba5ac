// Draws samples as what they are: images, points, curves, piano rolls, text.

const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const CURVES = 6,
    PIECES = 8,
    KEYS = 88;
const $ = (id) => document.getElementById(id);

// One image into a picture's pixels, as it shows over white (of more than four channels the first three), its corner at (left, top).
function paint(image, values, left, top) {
    const [channels, height, width] = shape;
    for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
            const to = 4 * ((top + y) * image.width + left + x);
            for (let c = 0; c < 3; c++)
                image.data[to + c] = 127.5 + 127.5 * values[((channels < 3 ? 0 : c) * height + y) * width + x];
            image.data[to + 3] = 255;
        }
}

function canvas(id, width, height, shown) {
    const element = $(id);
    Object.assign(element, { width, height, hidden: false });
    element.style.width = `${shown}px`;
    return element.getContext('2d');
}

function grid(samples) {
    const [, height, width] = shape,
        across = classes.length > 1 ? classes.length : Math.ceil(Math.sqrt(rows));
    const context = canvas('main', across * width, Math.ceil(rows / across) * height, 560);
    const image = context.createImageData(context.canvas.width, context.canvas.height);
    for (let i = 0; i < rows; i++)
        paint(
            image,
            samples.subarray(i * size, (i + 1) * size),
            (i % across) * width,
            Math.floor(i / across) * height,
        );
    context.putImageData(image, 0, 0);
}

function one(samples, row) {
    const [, height, width] = shape,
        context = canvas('one', width, height, 280),
        image = context.createImageData(width, height);
    paint(image, samples.subarray(row * size, (row + 1) * size), 0, 0);
    context.putImageData(image, 0, 0);
}

// Draws with numbers of the data: `to` turns them into pixels.
function plot(id, [left, right], [bottom, top], title, draw) {
    const context = canvas(id, 560, 420, 560),
        { width, height } = context.canvas,
        margin = 44;
    const to = (x, y) => [
        margin + ((x - left) / (right - left || 1)) * (width - 2 * margin),
        height - margin - ((y - bottom) / (top - bottom || 1)) * (height - 2 * margin),
    ];
    context.clearRect(0, 0, width, height);
    Object.assign(context, { font: '12px system-ui', fillStyle: '#808080', strokeStyle: '#808080', lineWidth: 1 });
    context.strokeRect(margin, margin, width - 2 * margin, height - 2 * margin);
    const written = (value) => String(Number(value.toPrecision(3)));
    context.fillText(title, margin, margin - 10);
    [
        [bottom, height - margin],
        [top, margin + 10],
    ].forEach(([value, y]) => context.fillText(written(value), 4, y));
    [
        [left, margin],
        [right, width - margin - 20],
    ].forEach(([value, x]) => context.fillText(written(value), x, height - margin + 16));
    draw(context, to);
}

function lines(context, to, curves) {
    curves.forEach((curve, i) => {
        context.strokeStyle = COLOURS[i % COLOURS.length];
        context.beginPath();
        curve.forEach((y, x) => context.lineTo(...to(x, y)));
        context.stroke();
    });
}

const range = (values) =>
    values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
const inUnits = (value, column) =>
    pack.columns ? pack.columns.zero[column] + value * (pack.columns.one[column] - pack.columns.zero[column]) : value;

function scatter(samples) {
    const every = shape[0],
        real = pack.real ? new Float32Array(pack.at(pack.real).slice().buffer) : [];
    const column = (values, n) =>
        Array.from({ length: values.length / every }, (_, i) => inUnits(values[i * every + n], n));
    const second = Math.min(1, every - 1),
        [x, y] = [column(samples, 0), column(samples, second)];
    const [rx, ry] = [column(real, 0), column(real, second)];
    const names = pack.columns?.names ?? ['x', 'y'];
    plot(
        'main',
        range([...x, ...rx]),
        range([...y, ...ry]),
        `${names[0]}, ${names[second]}: blue real, orange generated`,
        (context, to) => {
            for (const [xs, ys, colour] of [
                [rx, ry, COLOURS[0]],
                [x, y, COLOURS[1]],
            ]) {
                context.fillStyle = colour;
                xs.forEach((x, i) => {
                    const [px, py] = to(x, ys[i]);
                    context.fillRect(px - 1, py - 1, 2, 2);
                });
            }
        },
    );
}

function curves(samples) {
    const [steps, features] = shape,
        column = state.column ?? 0;
    const curve = (i) =>
        Array.from({ length: steps }, (_, t) => inUnits(samples[i * size + t * features + column], column));
    const all = Array.from({ length: Math.min(CURVES, rows) }, (_, i) => curve(i));
    plot(
        'main',
        [0, steps - 1],
        range(all.flat()),
        `${pack.columns?.names[column] ?? column}, ${all.length} samples over ${steps} steps`,
        (context, to) => lines(context, to, all),
    );
}

function roll(samples) {
    const [steps, width] = shape,
        across = 4,
        gap = 2,
        count = Math.min(PIECES, rows);
    const context = canvas('main', across * (steps + gap), Math.ceil(count / across) * (KEYS + gap), 760);
    for (let i = 0; i < count; i++)
        for (let t = 0; t < steps; t++)
            for (let key = 0; key < KEYS; key++) {
                context.fillStyle = samples[i * size + t * width + key] > 0.5 ? COLOURS[0] : '#8882';
                context.fillRect(
                    (i % across) * (steps + gap) + t,
                    Math.floor(i / across) * (KEYS + gap) + KEYS - 1 - key,
                    1,
                    1,
                );
            }
}

// The text of the symbols up to the first end: words with the spaces between them that Saddle's own spelling implies.
function spelled(ids) {
    const { names, bytes, spelling, end } = pack.symbols,
        cut = end === null ? -1 : ids.indexOf(end);
    const used = cut < 0 ? ids : ids.slice(0, cut);
    if (bytes) return new TextDecoder().decode(Uint8Array.from(used.flatMap((id) => bytes[id])));
    if (spelling === 'Spaced')
        return used
            .map((id) => names[id])
            .join(' ')
            .replaceAll(/ ?\n ?/g, '\n');
    if (spelling === 'Midi') return used.map((id) => names[id]).join(' ');
    if (spelling === 'Characters') return used.map((id) => names[id]).join('');
    let [written, opens] = ['', true];
    for (const name of used.map((id) => names[id])) {
        if (/^([\p{L}\p{N}]|<unk>)/u.test(name) && !opens) written += ' ';
        written += name === pack.symbols.glue ? '' : name;
        opens = /^["']/.test(name) ? opens : /^[\s([{<“‘«„‹¿¡\-‐‑–—/\\_@#$£€]/u.test(name) && name !== '<unk>';
    }
    return written;
}

function text(samples) {
    const piece = (i) => spelled(Array.from(samples.subarray(i * size, (i + 1) * size)));
    $('text').hidden = false;
    $('text').textContent = Array.from({ length: Math.min(PIECES, rows) }, (_, i) => piece(i)).join('\n---\n');
}
