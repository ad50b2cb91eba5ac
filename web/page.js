// A page on which a model makes samples on the viewer's GPU, and goes on learning where the page has its data.

const REACH = 1.5,
    TICK = 150,
    SHOWN_EVERY = 8,
    ROWS = 2000;
const pack = await unpack($('pack').textContent);
const { rows, latent, shape, kind, classes } = pack;
const size = kind === 'text' ? shape[0] : shape.reduce((a, b) => a * b, 1);
const state = {
    step: pack.step,
    draws: 0,
    class: null,
    marked: [0, 1],
    rounds: 1,
    history: [],
    ticks: 0,
};
globalThis.saddle = { pack, state, load, sample, tick };

function fresh() {
    state.z = Float32Array.from({ length: rows * latent }, () => drawn(pack.dist));
}

async function load() {
    state.engine ??= await Engine.open(pack);
    const program = await state.engine.load('sample');
    $('controls').disabled = false;
    $('made').hidden = false;
    return program;
}

// Samples of the latent vectors z, in the class that is chosen; without one the classes take turns.
async function sample(z, draw = state.draws, only = state.class) {
    const program = await load();
    const of = (row) => only ?? row % classes.length;
    const oneHot = Float32Array.from(
        { length: rows * classes.length },
        (_, i) => of(Math.floor(i / classes.length)) === i % classes.length,
    );
    state.engine.setClock(draw, pack.sampling);
    return state.engine.ask(program, { z, classes: oneHot });
}

// What was asked for last is done when the device is free, before the next round of training; what came between is left
// out.
function ask(work) {
    state.wanted = work;
    return (state.loop ??= turn());
}

async function turn() {
    try {
        while (state.wanted || state.training) {
            const work = state.wanted ?? tick;
            state.wanted = null;
            await work();
        }
    } catch (error) {
        fail(error);
    }
    state.loop = null;
}

function show(samples) {
    state.samples = samples;
    $('still').hidden = true;
    ({ images: grid, points: scatter, curves, text, roll })[kind](samples);
    if (kind === 'images') one(samples, state.marked[0]);
}

const again = () =>
    ask(async () => {
        fresh();
        state.draws += 1;
        show(await sample(state.z));
    });

const vector = (row) => state.z.subarray(row * latent, (row + 1) * latent);
const norm = (z) => Math.hypot(...z);

// From a to b: along the sphere if latent values are normal, else along a line.
function between(a, b, t) {
    if (pack.dist !== 'normal') return a.map((x, i) => x + t * (b[i] - x));
    const angle = Math.acos(
        Math.max(-1, Math.min(1, a.reduce((sum, x, i) => sum + x * b[i], 0) / (norm(a) * norm(b) || 1))),
    );
    const along = (t) => (angle < 1e-6 ? t : Math.sin(t * angle) / Math.sin(angle));
    return a.map((x, i) => along(1 - t) * x + along(t) * b[i]);
}

async function walk() {
    const [a, b] = state.marked.map((row) => vector(row).slice());
    const z = Float32Array.from({ length: rows * latent }, () => 0);
    for (let i = 0; i < rows; i++) z.set(between(a, b, i / (rows - 1)), i * latent);
    const frames = await sample(z, state.draws, state.class ?? state.marked[0] % classes.length);
    Object.assign(state, { frames, walks: true });
    $('way').hidden = false;
    $('way').max = rows - 1;
    const at = performance.now();
    const next = (now) => {
        if (!state.walks || state.frames !== frames) return;
        const t = ((now - at) / 40) % (2 * rows);
        $('way').value = Math.min(rows - 1, t < rows ? t : 2 * rows - t);
        one(frames, Math.floor($('way').value));
        requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
}

// Moves the marked vector along two random directions, by the place of the pointer in the picture.
function drag(event) {
    const box = $('one').getBoundingClientRect(),
        centre = vector(state.marked[0]);
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map(
        (v) => REACH * (2 * v - 1),
    );
    state.plane ??= [0, 1].map(() => centre.map(() => drawn('normal')));
    const moved = centre.map((v, i) => v + x * state.plane[0][i] + y * state.plane[1][i]);
    const scale = pack.dist === 'normal' ? norm(centre) / norm(moved) : 1;
    state.walks = false;
    ask(async () => {
        const z = state.z.slice();
        z.set(
            moved.map((v) => v * scale),
            state.marked[0] * latent,
        );
        one(await sample(z), state.marked[0]);
    });
}

// Some rounds of training, and now and then samples and the course of the losses.
async function tick(limit = Infinity) {
    const { engine } = state;
    if (!state.ticks) $('note').textContent = 'preparing the training ..';
    const [program, calibrate] = await Promise.all(['round', 'calibrate'].map((name) => engine.load(name)));
    const [start, count] = [performance.now(), Math.min(state.rounds, limit)];
    engine.setClock(state.step, pack.seed);
    engine.run(program, count, state.step);
    state.step += count;
    state.history.push(await engine.metrics(program, state.step));
    if (state.history.length > ROWS) state.history.shift();
    state.ticks += 1;
    state.rounds = Math.max(1, Math.min(256, Math.round((count * TICK) / (performance.now() - start))));
    $('note').textContent = `${state.training ? 'training' : 'stopped'}: step ${state.step}`;
    if (state.ticks % SHOWN_EVERY) return;
    if (calibrate) {
        engine.setClock(0, pack.seed);
        engine.run(calibrate, pack.calibration);
    }
    show(await sample(state.z));
    losses(
        state.history,
        program.metrics.filter((name) => /loss|bound|elbo|nats|error/.test(name)),
    );
}

function losses(history, names) {
    const curves = names.map((name) => history.map((row) => row[name]));
    plot(
        'losses',
        [0, history.length - 1],
        range(curves.flat()),
        names.map((name, i) => `${name} ${curves[i].at(-1).toPrecision(3)}`).join('   '),
        (context, to) => lines(context, to, curves),
    );
}

function fail(error) {
    state.training = false;
    // Without samples no control does anything.
    if ($('controls').disabled) ['controls', 'hint'].forEach((id) => ($(id).hidden = true));
    $('note').textContent = error.message;
    globalThis.saddle.failed = error.message;
}

function button(label, act) {
    const element = Object.assign(document.createElement('button'), {
        textContent: label,
        onclick: () => act(element),
    });
    $('controls').append(element);
}

function chooser(label, names, act) {
    const select = document.createElement('select');
    select.ariaLabel = label;
    names.forEach((name, i) => select.append(new Option(name, i)));
    select.onchange = () => act(Number(select.value));
    $('controls').append(select);
}

button('New samples', again);
if (classes.length > 1)
    chooser('class', ['every class', ...classes], (n) => {
        state.class = n ? n - 1 : null;
        ask(async () => show(await sample(state.z)));
    });
if (kind === 'curves' && shape[1] > 1)
    chooser('column', pack.columns?.names ?? [...Array(shape[1]).keys()], (n) => {
        state.column = n;
        show(state.samples);
    });
if (kind === 'images' && latent) {
    button('Walk between two', () => ask(walk));
    $('hint').textContent =
        'Click a sample to enlarge it; drag in the large picture to change it. A walk goes between the last two.';
    $('one').onpointermove = (event) => event.buttons && drag(event);
    $('way').oninput = () => {
        state.walks = false;
        one(state.frames, Number($('way').value));
    };
    $('main').onclick = (event) => {
        const across = $('main').width / shape[2],
            box = $('main').getBoundingClientRect(),
            cell = box.width / across;
        const row =
            Math.floor((event.clientX - box.left) / cell) +
            across * Math.floor((event.clientY - box.top) / ((cell * shape[1]) / shape[2]));
        if (row >= rows) return;
        Object.assign(state, { marked: [row, state.marked[0]], plane: null, walks: false });
        one(state.samples, row);
    };
}
if (kind !== 'text')
    button('Save as PNG', () =>
        $('main').toBlob((blob) => {
            Object.assign(document.createElement('a'), {
                href: URL.createObjectURL(blob),
                download: `${pack.name}.png`,
            }).click();
        }),
    );
if (pack.programs.round)
    button('Train on', (element) => {
        state.training = !state.training;
        element.textContent = state.training ? 'Stop' : 'Train on';
        if (state.training) state.loop ??= turn();
    });
$('note').textContent = 'preparing ..';
await again();
if (state.samples) $('note').textContent = '';
globalThis.saddle.ready = true;
// Training compiles once the first samples are there.
if (pack.programs.round && state.engine) ['round', 'calibrate'].forEach((name) => state.engine.load(name));
