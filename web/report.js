'use strict';
// The page of runs. What it shows comes as messages, {run, head | rows | samples | evaluation | notes}: those inside the
// page, and on a served page those of its event stream, which begins anew after an interruption.

const MEANING = {
    d_loss: 'loss of the discriminator',
    g_loss: 'loss of the generator',
    d_acc_real: 'share of real samples that the discriminator judges right',
    d_acc_fake: 'share of generated samples that the discriminator judges right',
    d_lead: 'share of the examples that the discriminator takes for real, less that of examples that were held out',
    grad_d: "norm of the discriminator's gradient",
    grad_g: "norm of the generator's gradient",
    held_out: 'nats of a symbol that was held out',
    divergence: 'nats that the code says of an example',
    spread: 'distance between samples, beside that between examples',
};
// What of the judgement stands behind these; the logit of some objectives only stands for a probability.
const JUDGED = { d_real: 'real', d_fake: 'generated' },
    PROBABLE = ['minimax', 'non-saturating'];
const TIMES = ['step', 'seconds'];
// Runs beyond the number of colours have dashes.
const COLOURS = 6,
    DASHES = ['none', '7 4', '2 3'];
// The parts of the page that do not show the newest messages yet.
const stale = new Set(),
    runs = [],
    byId = (id) => document.getElementById(id);

/** An element with properties and children; text is never read as HTML. */
function element(name, properties, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties ?? {})) {
        key === 'style' ? (made.style.cssText = value) : (made[key] = value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
}
// Small pictures are enlarged, and those with axes and names keep their size.
function sized() {
    this.classList.toggle('large', this.naturalWidth > 800);
}
function colour(run) {
    const i = runs.indexOf(run);
    return `--colour: var(--c${i % COLOURS}); --dash: ${DASHES[Math.floor(i / COLOURS) % DASHES.length]}`;
}
function swatch(run) {
    const made = svg('svg', { class: 'swatch', viewBox: '0 0 20 8', style: colour(run) });
    made.append(svg('line', { x1: 0, x2: 20, y1: 4, y2: 4 }));
    return made;
}
const objectives = () => [...new Set(runs.filter((run) => run.shown).map((run) => run.head.settings.objective))];
/** What a metric of the shown runs is. */
function meaning(name) {
    if (!(name in JUDGED)) return MEANING[name] ?? '';
    const others = objectives().filter((objective) => objective && !PROBABLE.includes(objective));
    return others.length
        ? `mean of 1 / (1 + exp(-logit)) of ${JUDGED[name]} samples: no probability with the objective ${others.join(', ')}`
        : `mean probability that the discriminator gives ${JUDGED[name]} samples of being real`;
}
/** What of the shown runs does not compare, in sentences. */
function doubts() {
    const [of, steps] = [objectives(), [...new Set(runs.filter((run) => run.shown).map((run) => last(run).step ?? 0))]];
    return [
        of.length > 1 ? `Losses of different objectives do not compare: ${of.map((one) => one ?? 'none').join(', ')}.` : '',
        steps.length > 1 ? `The runs have different numbers of steps: ${steps.join(', ')}.` : '',
    ].filter(Boolean);
}
const differing = (run) => Object.entries(run.head.differs).map(([key, value]) => `${key}=${value}`);
/** A run's name, and the first settings in which it differs from the others. */
const label = (run) =>
    [run.head.name, ...differing(run).slice(0, 3), ...(differing(run).length > 3 ? ['..'] : [])].join(' ');
/** Runs that differ in nothing but their seeds together, as `saddle compare` puts them; of one seed each on its own. */
function bySeed(some) {
    const groups = [],
        seed = (run) => run.head.settings.seed;
    for (const run of some) {
        const differs = Object.entries(run.head.differs).filter(([key]) => key !== 'seed');
        const key = JSON.stringify([run.head.variant, run.head.data, run.head.steps, differs]);
        const found = groups.find((group) => group.key === key && group.every((other) => seed(other) !== seed(run)));
        found ? found.push(run) : groups.push(Object.assign([run], { key }));
    }
    return groups;
}
/** What has a curve and a column of its own: each run, or those of one group. */
const parts = (some) => (byId('average').checked ? bySeed(some) : some.map((run) => [run]));
const named = ([run, ...others]) => {
    const own = differing(run).filter((setting) => !setting.startsWith('seed='));
    return others.length ? [run.head.variant, ...own, `(${others.length + 1} seeds)`].join(' ') : label(run);
};
/** Mean and standard error. */
function estimate(values) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return [mean, values.length > 1 ? Math.sqrt(squares / (values.length - 1) / values.length) : 0];
}
const estimated = ([mean, error]) => figure(mean) + (error ? ` ± ${figure(error)}` : '');
/** A metric of runs at the steps that all of those have which have it at all: [x, mean, standard error]. */
function averaged(group, name, over) {
    const rows = group
        .map((run) => new Map(run.rows.filter((row) => typeof row[name] === 'number').map((row) => [row.step, row])))
        .filter((of) => of.size);
    const common = [...(rows[0]?.keys() ?? [])].filter((step) => rows.every((of) => of.has(step)));
    return common.map((step) => {
        const at = rows.map((of) => of.get(step));
        return [estimate(at.map((row) => row[over]))[0], ...estimate(at.map((row) => row[name]))];
    });
}
const last = (run) => run.rows.at(-1) ?? {};
const figure = (x) =>
    typeof x !== 'number'
        ? ''
        : x === 0
          ? '0'
          : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3
            ? x.toExponential(1).replace('.0e', 'e').replace('e+', 'e')
            : Number(x.toPrecision(4)).toString();
function duration(seconds) {
    const s = Math.round(seconds);
    return s < 120
        ? `${s} s`
        : s < 7200
          ? `${Math.floor(s / 60)} min ${s % 60} s`
          : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

function take(message) {
    // A head says how others differ, too.
    if (message.head) [drawCards, drawCurves, drawSamples, drawTables].forEach((part) => stale.add(part));
    if (message.rows || message.notes) stale.add(drawCards).add(drawCurves);
    if (message.samples) stale.add(drawSamples);
    if (message.evaluation) stale.add(drawTables);
    const run = (runs[message.run] ??= {
        rows: [],
        samples: new Map(),
        notes: [],
        evaluation: [],
        plots: [],
        shown: true,
    });
    if (message.head) run.head = message.head;
    for (const row of message.rows ?? []) {
        // A run that was resumed repeats steps, and a stream that begins anew repeats all.
        while (run.rows.length && last(run).step >= row.step) run.rows.pop();
        run.rows.push(row);
    }
    for (const sample of message.samples ?? []) run.samples.set(sample.step, sample);
    if (message.evaluation) [run.evaluation, run.plots] = [message.evaluation.reports, message.evaluation.plots];
    if (message.notes) run.notes = message.notes;
}

/** The times in which something was said of a run's health: name, first and last row, last sentence. */
function episodes(run) {
    const all = [],
        open = new Map();
    for (const row of run.rows) {
        for (const name of open.keys()) if (!(name in (row.health ?? {}))) open.delete(name);
        for (const [name, sentence] of Object.entries(row.health ?? {})) {
            if (!open.has(name)) {
                open.set(name, { name, from: row, to: row });
                all.push(open.get(name));
            }
            Object.assign(open.get(name), { to: row, sentence });
        }
    }
    return all;
}

/** The times in which something was said of the health of any of these runs: [from, to] over steps or seconds. */
function unwell(group, over) {
    const spans = group
        .flatMap((run) => episodes(run).map(({ from, to }) => [from.step, to.step]))
        .sort(([a], [b]) => a - b);
    const union = [];
    for (const [from, to] of spans) {
        const before = union.at(-1);
        before && from <= before[1] ? (before[1] = Math.max(before[1], to)) : union.push([from, to]);
    }
    // Runs reach a step at different times, and the curve is at their mean.
    const at = (step) => {
        const rows = group.map((run) => run.rows.find((row) => row.step === step)).filter(Boolean);
        return estimate(rows.map((row) => row[over]))[0];
    };
    return union.map((span) => span.map(at));
}

function drawCards() {
    byId('cards').replaceChildren(
        ...runs.map((run) => {
            const { head } = run,
                now = last(run),
                done = now.step >= head.steps;
            const before = run.rows[Math.max(0, run.rows.length - 20)] ?? {};
            const rate = (now.step - before.step) / (now.seconds - before.seconds);
            const device = run.rows.findLast((row) => row.device)?.device;
            const at = `step ${now.step ?? 0} of ${head.steps}`;
            const course = done
                ? `${at}, done in ${duration(now.seconds)}`
                : !head.trains
                  ? `stopped at ${at}`
                  : rate > 0
                    ? `${at}, ${duration((head.steps - now.step) / rate)} left`
                    : `${at}, no speed yet`;
            const check = element('input', {
                type: 'checkbox',
                checked: run.shown,
                onchange: (event) => {
                    run.shown = event.target.checked;
                    draw(drawCards, drawCurves, drawSamples);
                },
            });
            const said = episodes(run)
                .slice(-3)
                .map(({ to, sentence }) =>
                    to === now
                        ? element('p', { className: 'warn' }, `${sentence}.`)
                        : element('p', { className: 'dim' }, `until step ${to.step}: ${sentence}.`),
                );
            return element(
                'div',
                { className: 'card', style: colour(run) },
                element(
                    'label',
                    {},
                    ...(runs.length > 1 ? [check, swatch(run)] : []),
                    element('h3', {}, run.head.name),
                ),
                element('p', {}, differing(run).join(' ')),
                element('progress', { max: head.steps, value: now.step ?? 0 }),
                element(
                    'p',
                    {},
                    course,
                    now.phase ? `, phase ${now.phase}` : '',
                    now.samples_per_second ? `, ${now.samples_per_second} samples/s` : '',
                ),
                element('p', { className: 'dim' }, `${head.variant} on ${head.data}`, device ? `, ${device}` : ''),
                head.ended && element('p', { className: head.bad ? 'warn' : 'dim' }, `${head.ended}.`),
                ...run.notes.map((note) => element('p', { className: 'warn' }, note)),
                ...said,
            );
        }),
    );
}

/** Exponential average of [x, y] pairs, without the weight of values before the first. */
function smoothed(points, decay) {
    let sum = 0,
        weight = 0;
    return points.map(([x, y]) => {
        [sum, weight] = [decay * sum + (1 - decay) * y, decay * weight + 1 - decay];
        return [x, sum / weight];
    });
}
/** At most 500 of the points, the last one among them. */
const thinned = (points) =>
    points.filter((_, i) => i % Math.ceil(points.length / 500) === 0 || i === points.length - 1);
/** Round numbers between two. */
function ticks(from, to, count) {
    const raw = (to - from) / count,
        unit = 10 ** Math.floor(Math.log10(raw));
    // A gap that is a little too small is better than one that leaves two ticks.
    const gap = [1, 2, 5, 10].findLast((n) => n * unit <= raw * 1.5) * unit,
        all = [];
    for (let tick = Math.ceil(from / gap); tick * gap <= to + gap / 1e6; tick++) all.push(tick * gap);
    return all;
}

function svg(name, attributes, text) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
}

function panel(name, width) {
    const over = byId('over').value,
        decay = Number(byId('smooth').value),
        height = 170;
    const curves = parts(runs.filter((run) => run.shown))
        .map((group) => ({ group, points: averaged(group, name, over) }))
        .filter(({ points }) => points.length);
    const values = curves.flatMap(({ points }) => points.flatMap(([, y, error]) => (error ? [y - error, y + error] : [y])));
    const log = byId('log').checked && values.every((y) => y > 0);
    const scale = (y) => (log ? Math.log10(y) : y);
    const lines = curves.map(({ group, points }) => {
        const isMean = group.length > 1;
        // What is seldom measured is shown as it is.
        const curve = (of) => thinned(smoothed(points.map(of), points.length < 50 ? 0 : decay));
        const [upper, lower] = [1, -1].map((sign) => curve(([x, y, error]) => [x, scale(y + sign * error)]));
        return {
            run: group[0],
            group,
            raw: isMean ? [] : thinned(points.map(([x, y]) => [x, scale(y)])),
            smooth: curve(([x, y]) => [x, scale(y)]),
            error: isMean ? [...upper, ...lower.reverse()] : [],
            points,
        };
    });
    const xs = curves.flatMap(({ points }) => [points[0][0], points.at(-1)[0]]);
    // Single outliers do not flatten a curve: they leave the panel.
    const sorted = values.map(scale).sort((a, b) => a - b),
        at = (share) => sorted[Math.round(share * (sorted.length - 1))];
    let [low, high] = sorted.length > 50 ? [at(0.005), at(0.995)] : [sorted[0], sorted.at(-1)];
    const margin = high > low ? 0.04 * (high - low) : 0.5;
    [low, high] = [low - margin, high + margin];
    const [left, right, top, bottom] = [46, 8, 8, 20],
        [first, end] = [Math.min(...xs), Math.max(...xs)];
    const X = (x) => left + ((x - first) / (end - first || 1)) * (width - left - right);
    const Y = (y) => top + ((high - y) / (high - low)) * (height - top - bottom);
    const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': name });
    for (const { run, group } of lines)
        for (const span of unwell(group, over)) {
            const [a, b] = span.map((x) => Math.min(Math.max(X(x), left), width - right));
            picture.append(
                svg('rect', {
                    x: a,
                    y: top,
                    width: Math.max(b - a, 2),
                    height: height - top - bottom,
                    style: `${colour(run)};fill:var(--colour);opacity:.13`,
                }),
            );
        }
    for (const tick of ticks(low, high, 4)) {
        picture.append(
            svg('line', { class: 'grid', x1: left, x2: width - right, y1: Y(tick), y2: Y(tick) }),
            svg('text', { x: left - 6, y: Y(tick) + 4, 'text-anchor': 'end' }, figure(log ? 10 ** tick : tick)),
        );
    }
    for (const tick of ticks(first, end > first ? end : first + 1, Math.max(2, width / 110)).filter(
        (tick) => tick <= end,
    )) {
        const anchor = X(tick) > width - right - 16 ? 'end' : 'middle';
        picture.append(
            svg(
                'text',
                { x: X(tick), y: height - 4, 'text-anchor': anchor },
                tick >= 1e5 ? `${tick / 1e3}k` : Number(tick.toPrecision(9)),
            ),
        );
    }
    const [inner, deep] = [width - left - right, height - top - bottom];
    const inside = svg('svg', {
        x: left,
        y: top,
        width: inner,
        height: deep,
        style: `width:${inner}px;height:${deep}px`,
    });
    for (const { run, raw, smooth, error } of lines)
        for (const [part, points] of [
            ['error', error],
            ['raw', raw],
            ['', smooth],
        ].filter(([, points]) => points.length)) {
            const places = points.map(([x, y]) => [X(x) - left, Y(y) - top]);
            // A single value is a dash.
            const path = (places.length === 1 ? [0, 6].map((dx) => [places[0][0] + dx, places[0][1]]) : places)
                .map((place) => place.map((at) => at.toFixed(1)).join())
                .join(' ');
            const dot = ([cx, cy]) => svg('circle', { cx, cy, r: 2.5, style: `${colour(run)};fill:var(--colour)` });
            if (part === '' && places.length <= 10) inside.append(...places.map(dot));
            inside.append(
                part === 'error'
                    ? svg('polygon', { points: path, class: part, style: colour(run) })
                    : svg('polyline', { points: path, class: part, style: `${colour(run)};stroke:var(--colour)` }),
            );
        }
    picture.append(inside);
    const said = (x) =>
        lines.map(({ run, points }) => {
            const [, ...value] = points.findLast(([at]) => at <= x) ?? points[0];
            const mark = runs.length > COLOURS ? swatch(run) : null;
            return element('span', { style: `${colour(run)};color:var(--colour)` }, mark, estimated(value));
        });
    const reading = element('span', {}, ...said(Infinity));
    picture.onpointermove = (event) => {
        const x = first + ((event.clientX - picture.getBoundingClientRect().left - left) / inner) * (end - first);
        reading.replaceChildren(
            `${over === 'step' ? 'step ' : ''}${Math.round(Math.min(Math.max(x, first), end))}:`,
            ...said(x),
        );
    };
    picture.onpointerleave = () => reading.replaceChildren(...said(Infinity));
    const heading = name + (byId('log').checked && !log ? ' (linear)' : '');
    const title = element('h3', { title: meaning(name) }, heading, reading);
    return element('div', { className: 'panel' }, title, picture);
}

function drawCurves() {
    const names = [
        ...new Set(runs.filter((run) => run.shown).flatMap((run) => run.rows.flatMap(Object.keys))),
    ].filter(
        (name) =>
            !TIMES.includes(name) &&
            runs.some((run) => run.shown && run.rows.some((row) => typeof row[name] === 'number')),
    );
    // Losses come first, and speed, which says least about a model, last.
    const rank = (name) => (name === 'samples_per_second' ? 2 : name.endsWith('_loss') ? 0 : 1);
    names.sort((a, b) => rank(a) - rank(b));
    byId('band').hidden = !runs.some((run) => run.shown && episodes(run).length);
    byId('doubts').replaceChildren(...doubts().map((doubt) => element('p', { className: 'warn' }, doubt)));
    byId('averages').hidden = !bySeed(runs.filter((run) => run.shown)).some((group) => group.length > 1);
    byId('curves').hidden = !names.length;
    const room = byId('panels').clientWidth || 320,
        gap = 16,
        columns = Math.max(1, Math.floor((room + gap) / (320 + gap)));
    const width = (room - gap * (columns - 1)) / columns;
    byId('panels').replaceChildren(...names.map((name) => panel(name, width)));
}

let chosen = null;
function drawSamples() {
    const steps = [...new Set(runs.flatMap((run) => [...run.samples.keys()]))].sort((a, b) => a - b),
        slider = byId('step');
    const waited = runs
        .filter((run) => run.head.trains && !run.samples.size)
        .map(({ head }) => Math.min(head.every || head.steps, head.steps));
    byId('pictures').hidden = !steps.length && !waited.length;
    byId('chosen').hidden = !steps.length;
    byId('waited').textContent = waited.length && !steps.length ? `First samples at step ${Math.min(...waited)}.` : '';
    if (!steps.length) return byId('samples').replaceChildren();
    const index =
        chosen === null
            ? steps.length - 1
            : Math.max(
                  0,
                  steps.findLastIndex((step) => step <= chosen),
              );
    [slider.max, slider.value] = [steps.length - 1, index];
    slider.oninput = () => {
        chosen = Number(slider.value) === steps.length - 1 ? null : steps[slider.value];
        drawSamples();
    };
    byId('at').textContent = `step ${steps[index]}, ${index + 1} of ${steps.length}`;
    const shown = runs.filter((run) => run.shown && run.samples.size);
    byId('samples').replaceChildren(
        ...shown.map((run) => {
            const step = [...run.samples.keys()]
                .filter((step) => step <= steps[index])
                .sort((a, b) => a - b)
                .at(-1);
            const sample = run.samples.get(step);
            const name = element('figcaption', {}, swatch(run), `${label(run)}, step ${step ?? '-'}`);
            return element(
                'figure',
                {},
                name,
                !sample
                    ? null
                    : sample.text !== undefined
                      ? element('pre', {}, sample.text)
                      : element('img', { src: sample.url, alt: `samples of step ${step}`, onload: sized }),
            );
        }),
    );
}

function rows(head, body) {
    const cells = (kind, row) =>
        element('tr', {}, ...row.map((cell, i) => element(i ? kind : 'th', {}, ...[cell].flat())));
    const lines = body.map((row) => cells('td', row));
    return element('table', {}, element('thead', {}, cells('th', head)), element('tbody', {}, ...lines));
}
const heads = () => runs.map((run) => [swatch(run), label(run)]);
const headsOf = (groups) => groups.map((group) => [swatch(group[0]), named(group)]);

function drawTables() {
    const measured = runs.flatMap((run) => run.evaluation.flatMap((report) => report.rows ?? []));
    const names = [...new Set(measured.map((row) => row.measure))];
    byId('scores').hidden = !names.length;
    const of = (run, name) =>
        run.evaluation.flatMap((report) => report.rows ?? []).find((row) => row.measure === name);
    const any = (name) => measured.find((row) => row.measure === name);
    const score = (row) =>
        !row
            ? ''
            : [
                  figure(row.value) + (row.deviation ? ` ± ${figure(row.deviation)}` : ''),
                  ...(row.verdict ? [row.verdict.replace('-', ' ')] : []),
              ].join(', ');
    const mean = (group, name) => {
        const values = group.map((run) => of(run, name)?.value).filter((value) => typeof value === 'number');
        const some = values.length < group.length ? ` (${values.length} of ${group.length})` : '';
        return values.length ? estimated(estimate(values)) + some : '';
    };
    const groups = parts(runs);
    const arrow = { higher: ' ↑', lower: ' ↓' };
    // What a score is worth: few samples, a quick look, or what a measure means.
    const at = (run) => {
        const step = run.evaluation[0]?.step;
        const is_old = step !== undefined && run.rows.length && step < run.rows.at(-1).step;
        return is_old ? [`${runs.length > 1 ? `${label(run)}: ` : ''}measured at step ${step}, and trained since`] : [];
    };
    const notes = runs.flatMap((run) => [
        ...at(run),
        ...run.evaluation.flatMap((report) => [
            ...(report.notes ?? []),
            ...(report.rows ?? []).filter((row) => row.note).map((row) => `${row.measure}: ${row.note}`),
        ]),
    ]);
    // As `saddle compare` says; older files do not have these.
    const unlike = ['effort', 'count', 'held_out']
        .filter((option) => {
            const values = runs.map((run) => run.evaluation[0]?.[option]).filter((value) => value !== undefined);
            return new Set(values).size > 1;
        })
        .map((option) => option.replace('held_out', 'held-out data'))
        .map((what) => `the evaluations are not of the same ${what}: compare no scores`);
    byId('scored').replaceChildren(
        rows(
            ['', ...headsOf(groups), 'perfect', 'real data'],
            names.map((name) => [
                name + (arrow[any(name).better] ?? ''),
                ...groups.map((group) => (group.length > 1 ? mean(group, name) : score(of(group[0], name)))),
                figure(any(name).floor),
                figure(any(name).real),
            ]),
        ),
        ...[...unlike, ...new Set(notes)].map((note) => element('p', { className: 'dim' }, `${note}.`)),
        ...runs.flatMap((run) =>
            run.evaluation
                .flatMap((report) => report.tables ?? [])
                .flatMap((table) => [
                    element('p', {}, ...(runs.length > 1 ? [swatch(run), `${label(run)}: `] : []), table.title),
                    rows(
                        ['', ...table.columns],
                        table.rows.map(([name, values]) => [name, ...values.map(figure)]),
                    ),
                ]),
        ),
    );
    byId('plots').replaceChildren(
        ...runs.flatMap((run) =>
            run.plots.map((plot) =>
                element(
                    'figure',
                    {},
                    element('figcaption', {}, swatch(run), `${label(run)}: ${plot.name}`),
                    element('img', { src: plot.url, alt: plot.name, onload: sized }),
                ),
            ),
        ),
    );

    const value = (run, key) => run.head.settings[key] ?? '';
    const keys = [...new Set(runs.flatMap((run) => Object.keys(run.head.settings)))];
    const differ = keys.filter((key) => new Set(runs.map((run) => value(run, key))).size > 1);
    const lines = (keys) =>
        rows(
            ['', ...heads()],
            keys.map((key) => [key, ...runs.map((run) => value(run, key))]),
        );
    byId('settings').hidden = !keys.length;
    const isOpen = byId('set').querySelector('details')?.open ?? false;
    byId('set').replaceChildren(
        ...(differ.length ? [lines(differ)] : []),
        element(
            'details',
            { open: isOpen },
            element(
                'summary',
                {},
                differ.length ? `the ${keys.length - differ.length} that are equal` : `all ${keys.length}`,
            ),
            lines(keys.filter((key) => !differ.includes(key))),
        ),
    );
    byId('repeat').hidden = !runs.length;
    byId('commands').replaceChildren(
        ...runs.map((run) =>
            element(
                'div',
                {},
                element('div', {}, swatch(run), label(run)),
                element('pre', {}, run.head.commands.join('\n')),
            ),
        ),
    );
}

let isDue = false;
/** Draws what is stale, and these parts, a moment later. */
function draw(...parts) {
    parts.forEach((part) => stale.add(part));
    if (isDue) return;
    isDue = true;
    setTimeout(() => {
        isDue = false;
        if (!runs.length || ![...runs].every((run) => run?.head)) return;
        document.body.classList.toggle('several', runs.length > 1);
        document.title = byId('title').textContent = runs.length === 1 ? runs[0].head.name : `${runs.length} runs`;
        const due = [...stale];
        stale.clear();
        due.forEach((part) => part());
    }, 30);
}

const news = JSON.parse(byId('news').textContent);
if (news === null) {
    const stream = new EventSource('/events'),
        state = byId('state');
    stream.onopen = () => (state.textContent = 'live');
    stream.onerror = () => (state.textContent = 'no connection: this is what was there last');
    stream.onmessage = (event) => {
        take(JSON.parse(event.data));
        draw();
    };
} else {
    news.forEach(take);
    byId('state').textContent = 'a report of saddle';
}
for (const control of ['smooth', 'log', 'over']) byId(control).oninput = () => draw(drawCurves);
byId('average').oninput = () => draw(drawCurves, drawTables);
addEventListener('resize', () => draw(drawCurves));
draw();
