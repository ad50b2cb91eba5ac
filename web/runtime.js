// Replays Saddle's plans on WebGPU. A plan is a list of launches: a pipeline, its workgroups, and ranges of buffers that
// it binds. src/export/html/pack.rs writes what is read here.

const FIRST_OPERAND = 8,
    OPERANDS = 5,
    RING_ROWS = 256;
const LIMITS = [
    'maxStorageBufferBindingSize',
    'maxBufferSize',
    'maxStorageBuffersPerShaderStage',
    'maxComputeWorkgroupStorageSize',
];

// The header of a pack, and `at`, which gives the bytes of a place [offset, length].
async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    const bytes = await new Response(stream).arrayBuffer();
    const length = new DataView(bytes).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    return { ...header, at: ([offset, size]) => new Uint8Array(bytes, 4 + length + offset, size) };
}

class Engine {
    static async open(pack) {
        const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
        if (!adapter)
            throw new Error(
                'This browser offers no WebGPU on this machine, so the picture stays as it is. ' +
                    'Chrome and Edge have it from version 113, Safari from 26, Firefox from 141 on Windows.',
            );
        if (adapter.limits.maxStorageBuffersPerShaderStage < pack.bindings)
            throw new Error(`This model needs kernels with ${pack.bindings} buffers, and this device binds fewer.`);
        const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
        return new Engine(await adapter.requestDevice({ requiredLimits }), pack);
    }

    constructor(device, pack) {
        Object.assign(this, { device, pack, programs: {}, modules: [], pipelines: [], layouts: {}, shared: {} });
        this.none = this.buffer(64);
        this.shared.clock = this.buffer(4);
        for (const [name, { length }] of Object.entries(pack.states)) this.shared[name] = this.buffer(length);
        for (const [name, place] of Object.entries(pack.data)) this.shared[name] = this.filled(pack.at(place));
        this.reset();
    }

    // Gives all states the values in the pack.
    reset() {
        for (const [name, { length, place }] of Object.entries(this.pack.states))
            this.write(this.shared[name], place ? this.pack.at(place) : new Uint8Array(4 * length));
    }

    buffer(words) {
        const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
        return this.device.createBuffer({ size: Math.max(4 * words, 256), usage });
    }

    write(buffer, bytes) {
        this.device.queue.writeBuffer(buffer, 0, bytes);
    }

    filled(bytes) {
        const buffer = this.buffer(Math.ceil((bytes.length * (bytes.BYTES_PER_ELEMENT ?? 1)) / 4));
        this.write(buffer, bytes);
        return buffer;
    }

    // Compiles the program `name`, unless it was, and makes its buffers.
    async load(name) {
        const plan = this.pack.programs[name];
        return plan && (this.programs[name] ??= this.compile(plan));
    }

    async compile(plan) {
        const used = [...new Set(plan.launches.map(([pipeline]) => pipeline))];
        await Promise.all(used.map((n) => (this.pipelines[n] ??= this.pipeline(this.pack.pipelines[n]))));
        const inputs = {};
        const buffers = plan.buffers.map(([kind, what, length]) => {
            if (kind === 'shared') return this.shared[what];
            if (kind === 'constant') return this.filled(new Uint32Array(length).fill(what));
            if (kind === 'arange') return this.filled(Float32Array.from({ length }, (_, n) => n));
            const own = this.buffer(length);
            if (kind === 'input') inputs[what] = own;
            return own;
        });
        const bound = (binding, [buffer, offset, length]) => ({
            binding,
            resource: { buffer: buffers[buffer], offset: 4 * offset, size: 4 * length },
        });
        const launches = await Promise.all(
            plan.launches.map(async ([n, groups, bindings, operands, every]) => {
                const { chain } = this.pack.pipelines[n];
                const entries = bindings.map((range, i) => bound(i, range));
                for (let i = 0; i < (chain ? OPERANDS : 0); i++)
                    entries.push(
                        operands[i]
                            ? bound(FIRST_OPERAND + i, operands[i])
                            : { binding: FIRST_OPERAND + i, resource: { buffer: this.none } },
                    );
                const pipeline = await this.pipelines[n];
                const group = this.device.createBindGroup({ layout: this.layout(this.pack.pipelines[n]), entries });
                return { pipeline, group, groups, every };
            }),
        );
        return { ...plan, buffers, inputs, launches };
    }

    layout({ reads, bindings, chain }) {
        const entry = (binding, type) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } });
        return (this.layouts[[reads, bindings, chain]] ??= this.device.createBindGroupLayout({
            entries: [
                ...Array.from({ length: bindings }, (_, i) => entry(i, i < reads ? 'read-only-storage' : 'storage')),
                ...Array.from({ length: chain ? OPERANDS : 0 }, (_, i) =>
                    entry(FIRST_OPERAND + i, 'read-only-storage'),
                ),
            ],
        }));
    }

    pipeline(described) {
        const { source, constants } = described;
        const module = (this.modules[source] ??= this.device.createShaderModule({ code: this.pack.sources[source] }));
        const layout = this.device.createPipelineLayout({ bindGroupLayouts: [this.layout(described)] });
        return this.device.createComputePipelineAsync({ layout, compute: { module, entryPoint: 'main', constants } });
    }

    // The step, and the seed in two words.
    setClock(step, [low, high]) {
        const words = new Uint32Array([step, low, high, 0]);
        new Float32Array(words.buffer)[3] = step;
        this.write(this.shared.clock, words);
    }

    // Runs rounds of a program from this step on. Some launches are due in some rounds only, and where rounds begin.
    run(program, rounds = 1, step = 0) {
        const encoder = this.device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        for (let round = 0; round < rounds; round++) {
            for (const { pipeline, group, groups, every } of program.launches) {
                if ((step + round) % every && (round || program.next === step)) continue;
                pass.setPipeline(pipeline);
                pass.setBindGroup(0, group);
                pass.dispatchWorkgroups(...groups);
            }
        }
        program.next = step + rounds;
        pass.end();
        this.device.queue.submit([encoder.finish()]);
    }

    // Runs a program once on these inputs, and returns its first output; states that it writes are as before after it.
    async ask(program, inputs) {
        for (const [name, values] of Object.entries(inputs))
            if (program.inputs[name]) this.write(program.inputs[name], values);
        const copies = program.written.map((name) => [this.shared[name], this.buffer(this.shared[name].size / 4)]);
        const copy = (pairs) => {
            const encoder = this.device.createCommandEncoder();
            for (const [from, to] of pairs) encoder.copyBufferToBuffer(from, 0, to, 0, from.size);
            this.device.queue.submit([encoder.finish()]);
        };
        copy(copies);
        this.run(program);
        const [, , [buffer, offset, length]] = program.outputs[0];
        const values = await this.read(program.buffers[buffer], offset, length);
        copy(copies.map(([from, to]) => [to, from]));
        copies.forEach(([, to]) => to.destroy());
        return values;
    }

    // The metrics by name of the round that ended at `step`.
    async metrics(program, step) {
        const [ring, count] = [program.buffers[program.ring], program.metrics.length];
        const row = await this.read(ring, ((step - 1) % RING_ROWS) * count, count);
        return Object.fromEntries(program.metrics.map((name, i) => [name, row[i]]));
    }

    async read(buffer, offset, length) {
        const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
        const staging = this.device.createBuffer({ size: 4 * length, usage });
        const encoder = this.device.createCommandEncoder();
        encoder.copyBufferToBuffer(buffer, 4 * offset, staging, 0, 4 * length);
        this.device.queue.submit([encoder.finish()]);
        await staging.mapAsync(GPUMapMode.READ);
        const values = new Float32Array(staging.getMappedRange().slice());
        staging.destroy();
        return values;
    }
}

// A latent value by its distribution; `kind` is normal, uniform (-1 to 1) or unit (0 to 1).
function drawn(kind) {
    if (kind === 'normal') return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    return kind === 'uniform' ? 2 * Math.random() - 1 : Math.random();
}
