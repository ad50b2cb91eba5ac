// Trains a GAN on points in the plane, and draws them over the discriminator's field.

// Milliseconds of one submission of rounds, and of rounds for each of drawing.
const REFRESH = 120,
    SHARE = 4,
    SPEEDS = [1, 4, 16, 64, Infinity],
    LONGEST = 100;
const $ = (id) => document.getElementById(id);
const pack = await unpack($('pack').textContent);
const { rows, latent, side, extent, modes, deviation } = pack;
const real = new Float32Array(pack.at(pack.data['data set']).slice().buffer);
const noise = Float32Array.from({ length: rows * latent }, () => drawn('normal'));
const places = new Float32Array(2 * side * side);
for (let i = 0; i < side * side; i++) {
    places[2 * i] = extent * ((2 * ((i % side) + 0.5)) / side - 1);
    places[2 * i + 1] = extent * (1 - (2 * (Math.floor(i / side) + 0.5)) / side);
}
const game = { step: 0, rounds: 1, running: true, history: [], seed: pack.seed[0], score: null };
globalThis.saddle = { pack, game };

const choice = () => `${$('objective').value}, ${$('penalty').value}`;
const median = (values) => Float32Array.from(values).sort()[values.length >> 1];

// How many modes have a point, and the share of points within three deviations of one (as Saddle counts them).
function scored(points) {
    const hit = new Set();
    let good = 0;
    for (let i = 0; i < points.length; i += 2)
        modes.forEach(([x, y], mode) => {
            if (Math.hypot(points[i] - x, points[i + 1] - y) >= 3 * deviation) return;
            hit.add(mode);
            good += 1;
        });
    return { modes: hit.size, good: good / (points.length / 2) };
}

function draw(points, field) {
    const context = $('picture').getContext('2d'),
        { width, height } = context.canvas;
    const image = context.createImageData(side, side),
        middle = median(field);
    const spread = median(field.map((v) => Math.abs(v - middle))) || 1;
    field.forEach((value, i) => {
        const t = Math.tanh((value - middle) / (2 * spread)),
            to = t > 0 ? [86, 180, 233] : [240, 228, 66];
        [0, 1, 2].forEach((c) => {
            image.data[4 * i + c] = 250 + Math.abs(t) * 0.7 * (to[c] - 250);
        });
        image.data[4 * i + 3] = 255;
    });
    const small = new OffscreenCanvas(side, side);
    small.getContext('2d').putImageData(image, 0, 0);
    context.drawImage(small, 0, 0, width, height);
    const dots = (values, colour, count) => {
        context.fillStyle = colour;
        for (let i = 0; i < 2 * count && i < values.length; i += 2) {
            const [x, y] = [((values[i] / extent + 1) * width) / 2, ((1 - values[i + 1] / extent) * height) / 2];
            context.fillRect(x - 1.2, y - 1.2, 2.4, 2.4);
        }
    };
    dots(real, '#777777', 1500);
    dots(points, '#d55e00', rows);
}

function losses() {
    const context = $('losses').getContext('2d'),
        { width, height } = context.canvas,
        shown = game.history.slice(-400);
    context.clearRect(0, 0, width, height);
    ['d_loss', 'g_loss'].forEach((name, n) => {
        const values = shown.map((row) => row[name]),
            [low, high] = [Math.min(...values), Math.max(...values)];
        context.strokeStyle = context.fillStyle = ['#0072b2', '#d55e00'][n];
        context.fillText(`${name} ${values.at(-1)?.toPrecision(3)}`, 4 + 120 * n, 10);
        context.beginPath();
        values.forEach((v, i) =>
            context.lineTo(
                (i / (values.length - 1 || 1)) * width,
                height - 4 - ((v - low) / (high - low || 1)) * (height - 22),
            ),
        );
        context.stroke();
    });
}

async function look(engine, sample, field) {
    const start = performance.now();
    engine.setClock(0, pack.sampling);
    const points = await engine.ask(sample, { z: noise }),
        judged = await engine.ask(field, { x: places });
    game.score = scored(points);
    const all = game.score.modes === modes.length;
    game.found = all ? (game.found ?? game.step) : null;
    draw(points, judged);
    losses();
    $('step').textContent = game.step.toLocaleString();
    const since = all ? `, since round ${game.found.toLocaleString()}` : '';
    $('modes').textContent = `${game.score.modes} of ${modes.length}${since}`;
    $('good').textContent = `${Math.round(100 * game.score.good)} %`;
    game.next = performance.now() + SHARE * (performance.now() - start);
}

async function train(engine, round) {
    const start = performance.now(),
        count = Math.min(game.rounds, SPEEDS[$('speed').value], pack.steps - game.step);
    engine.setClock(game.step, [game.seed, 0]);
    engine.run(round, count, game.step);
    game.step += count;
    game.history.push(await engine.metrics(round, game.step));
    const took = performance.now() - start;
    game.rate = 0.8 * (game.rate ?? 0) + (0.2 * 1000 * count) / took;
    $('rate').textContent = Math.round(game.rate);
    game.rounds = Math.max(1, Math.min(LONGEST, Math.round((count * REFRESH) / took)));
}

async function main() {
    for (const [id, names] of [
        ['objective', pack.objectives],
        ['penalty', pack.penalties],
    ])
        names.forEach((name) => $(id).append(new Option(name, name)));
    draw(
        [],
        places.map(() => 0),
    );
    $('steps').textContent = pack.steps.toLocaleString();
    const engine = await Engine.open(pack);
    const [sample, field] = await Promise.all(['sample', 'field'].map((name) => engine.load(name)));
    await look(engine, sample, field);
    const restart = () => {
        engine.reset();
        Object.assign(game, { step: 0, history: [], seed: game.seed + 1, found: null });
    };
    $('go').onclick = () => {
        game.running = !game.running;
        $('go').textContent = game.running ? 'Pause' : 'Go on';
    };
    for (const [id, event] of [
        ['again', 'onclick'],
        ['objective', 'onchange'],
        ['penalty', 'onchange'],
    ])
        $(id)[event] = () => {
            game.asked = true;
        };
    for (;;) {
        if (game.asked) {
            restart();
            game.asked = false;
        }
        const round = await engine.load(choice());
        if (!game.running || game.step === pack.steps) {
            await new Promise((done) => setTimeout(done, 50));
            continue;
        }
        await train(engine, round);
        if (game.step === pack.steps || SPEEDS[$('speed').value] < game.rounds || performance.now() > game.next)
            await look(engine, sample, field);
    }
}
main().catch((error) => {
    $('note').textContent = error.message;
    globalThis.saddle.failed = error.message;
});
