//! Checks every shader module as its kernel concatenates it. Bindings and pipeline constants must agree with the Rust
//! side, both ways. Every launch of planned models is specialised, checked against WebGPU's limits and translated to
//! each shading language; Khronos's validator checks the SPIR-V, if it is installed.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::browser;
use naga::{
    AddressSpace, Expression, GlobalVariable, Module, ScalarKind, ShaderStage, StorageAccess, TypeInner,
    back::{self, PipelineConstants, glsl, hlsl, msl, spv},
    front::wgsl,
    proc::{BoundsCheckPolicies, Layouter},
    valid::{Capabilities, ModuleInfo, ValidationFlags, Validator},
};
use rayon::prelude::*;
use saddle::{
    check::cases::CODES,
    engine::Plans,
    graph::{Dist, Draw, Field, Real, Reset},
    kernels::{
        Adam, Axis, Body, Caps, Chain, Conv2d, Conv2dFilter, ConvTranspose2d, CrossEntropy, Dispatch, Finite, Gather,
        Geometry, Gru, GruGrad, Index, Kernel, Lstm, LstmGrad, MatMul, Matrix, MatrixMultiplyAdd, Moments, MultiplyAdd,
        NormSums, Pad, Pointwise, Random, Record, Reduce, RmsProp, RowSums, Rows, Sequence, Sgd, Softmax, Tick,
        chain::{DIGITS, Digit, Instr, LENGTH, LOADS, Load, OPERANDS},
        gather::{DataLayout, Elements},
        recurrent,
    },
    models::{self, Examples},
    settings::{Layer, Settings},
};

/// Limits that every WebGPU implementation offers.
const INVOCATIONS: u32 = 256;
const WORKGROUP_MEMORY: u32 = 16 << 10;
const STORAGE_BUFFERS: usize = 8;
/// Workgroup memory of adapters that have matrix units.
const MATRIX_MEMORY: u32 = 32 << 10;

/// A chain as long as there are, with every function and with immediates of all forms.
fn full_chain() -> Chain {
    let digits = |j: usize| (0..DIGITS).map(|d| Digit { div: 1 + d, extent: 2, stride: 1 + j }).collect();
    let load = |j: usize| Load { operand: j % OPERANDS, index: Index { offset: j, digits: Some(digits(j)) } };
    let immediates = [1.0, -1.5, -0.0, 1e-10, 3e38, 0.2];
    let instr = |k: usize| {
        let (code, c) = (CODES[k % CODES.len()].0, immediates[k % immediates.len()]);
        Instr { code, a: k, b: k + 1, c: f32::to_bits(c) }
    };
    Chain { loads: (0..LOADS).map(load).collect(), instrs: (0..LENGTH).map(instr).collect() }
}

/// One instance of every kernel, with all optional parts.
fn every_kernel() -> Vec<Kernel> {
    let chain = full_chain();
    let geometry = Geometry { b: 8, c: 16, h: 9, w: 8, k: 24, r: 4, s: 3, p: 4, q: 3, stride: [2, 2], pad: [1, 0] };
    let data =
        DataLayout { count: 10, item_len: 6, elements: Elements::Bytes, stack: 1, classes: 3, mirror: 0, ring: None };
    let axes = |first: usize| (0..4).map(|a| Axis { extent: 2, stride: first << (2 * a) }).rev().collect::<Vec<_>>();
    let (outer, inner) = (axes(2), axes(1));
    let sequence = Sequence { steps: 3, batch: 5, units: recurrent::UNITS, reverse: true };
    vec![
        Adam { len: 5, beta1: 0.5, beta2: 0.999, eps: 1e-8, decay: 0.1 }.into(),
        Conv2d { geometry, chain: chain.clone() }.into(),
        Conv2dFilter { geometry, splits: 2 }.into(),
        ConvTranspose2d { geometry, chain: chain.clone() }.into(),
        CrossEntropy { rows: 3, cols: 5, at_index: true }.into(),
        Finite { len: 7 }.into(),
        Gather { field: Field::Items, draw: Draw::of_all(0), draws: 1, batch: 4, parts: 1, data }.into(),
        Gru { sequence, reset: Reset::Before }.into(),
        GruGrad { sequence, reset: Reset::After }.into(),
        Lstm { sequence }.into(),
        LstmGrad { sequence }.into(),
        MatMul { batch: 2, m: 60, n: 50, k: 7, a_transposed: true, b_transposed: false, chain: chain.clone() }.into(),
        Moments { outer: outer.clone(), inner: inner.clone() }.into(),
        MatrixMultiplyAdd { matrix: Matrix::Half16, groups: 3, rounds: 128 }.into(),
        MultiplyAdd { len: 7, rounds: 3, half: false }.into(),
        MultiplyAdd { len: 7, rounds: 3, half: true }.into(),
        NormSums { outer: outer.clone(), inner: inner.clone(), eps: 1e-5 }.into(),
        Pad { from: vec![1, 2, 3, 4], to: vec![2, 3, 4, 5], before: vec![1, 0, 1, 0] }.into(),
        Pointwise { len: 7, in_place: true, chain: chain.clone() }.into(),
        Random::of(1, Dist::Bernoulli(Real::new(0.5)), 9).into(),
        Record { count: 3, stride: 64, rows: 4 }.into(),
        Reduce { max: false, outer, inner, scale: 0.5, splits: 2, chain }.into(),
        RmsProp { len: 5, decay: 0.9, eps: 1e-8 }.into(),
        RowSums { indices: 9, rows: 20, cols: 70 }.into(),
        Rows { indices: 9, rows: 20, cols: 70 }.into(),
        Sgd { len: 5, momentum: 0.9 }.into(),
        Softmax { rows: 3, cols: 5 }.into(),
        Tick {}.into(),
    ]
}

/// The bodies that products can have.
const BODIES: [Body; 6] = [
    Body::Tiled,
    Body::Plain,
    Body::Subgroup,
    Body::Matrix(Matrix::Single8),
    Body::Matrix(Matrix::Half8),
    Body::Matrix(Matrix::Half16),
];

/// Capabilities of devices that lead to different launches.
fn every_caps() -> [Caps; BODIES.len()] {
    BODIES.map(|product| Caps { product, ..Caps::default() })
}

/// A launch of each kernel, with each body that it can have.
fn every_launch() -> Vec<(Kernel, Dispatch)> {
    let mut all: Vec<(Kernel, Dispatch)> = vec![];
    for (caps, kernel) in every_caps().iter().flat_map(|caps| every_kernel().into_iter().map(move |k| (caps, k))) {
        let dispatch = kernel.dispatch(caps);
        if !all.iter().any(|(k, l)| *k == kernel && l.body == dispatch.body) {
            all.push((kernel, dispatch));
        }
    }
    all
}

/// Whether the body needs no extension. Matrix units are an extension of wgpu: only SPIR-V supports all kinds, and no
/// browser supports any. The browser of the tests does not support half precision either.
fn is_portable(dispatch: &Dispatch) -> bool {
    !dispatch.body.concat().contains("enable ")
}

fn parse(kernel: &Kernel, dispatch: &Dispatch) -> Module {
    let source = kernel.source(dispatch);
    wgsl::parse_str(&source).unwrap_or_else(|e| panic!("{}: {}", kernel.name(), e.emit_to_string(&source)))
}

fn validate(name: &str, module: &Module) -> ModuleInfo {
    let capabilities = Capabilities::SUBGROUP | Capabilities::COOPERATIVE_MATRIX | Capabilities::SHADER_FLOAT16;
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    validator.validate(module).unwrap_or_else(|e| panic!("{name}: {e:?}"))
}

#[test]
fn every_shader_has_its_kernel_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let files = |folder: PathBuf| {
        let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.is_file()).collect::<Vec<_>>()
    };
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    let launches = every_launch();
    for path in [files(folder.clone()), files(folder.join("shared"))].concat() {
        let text = text(&path);
        let has =
            |(kernel, dispatch): &(Kernel, Dispatch)| [dispatch.body, kernel.sources()].concat().contains(&&*text);
        assert!(launches.iter().any(has), "{} is part of no kernel of `every_kernel`", path.display());
    }
    for (kernel, _) in &launches {
        let path = folder.join(format!("{}.wgsl", kernel.name()));
        assert!(path.is_file(), "{}: there is no shader of this name", kernel.name());
        assert_eq!(kernel.sources()[0], text(&path), "{}: its own file comes first", kernel.name());
    }
    let kernels: BTreeSet<&str> = launches.iter().map(|(kernel, _)| kernel.name()).collect();
    for path in files(folder) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(kernels.contains(name.as_str()), "{name}: what is no kernel of its own lies in shaders/shared");
    }
}

/// Properties of a storage binding for the pipeline layout: whether it is written, and whether it holds floats.
fn binding(module: &Module, variable: &GlobalVariable) -> (bool, bool) {
    let AddressSpace::Storage { access } = variable.space else { panic!("{:?}: not a storage buffer", variable.name) };
    let TypeInner::Array { base, .. } = module.types[variable.ty].inner else {
        panic!("{:?}: not an array", variable.name)
    };
    let TypeInner::Scalar(scalar) = module.types[base].inner else { panic!("{:?}: not of scalars", variable.name) };
    assert_eq!(scalar.width, 4, "{:?}", variable.name);
    (access.contains(StorageAccess::STORE), scalar.kind == ScalarKind::Float)
}

#[test]
fn bindings_are_what_the_kernel_says() {
    for (kernel, dispatch) in every_launch() {
        let (name, module) = (kernel.name(), parse(&kernel, &dispatch));
        let mut found: BTreeMap<(u32, u32), (bool, bool)> = BTreeMap::new();
        for (_, variable) in module.global_variables.iter() {
            if let Some(at) = &variable.binding {
                let twice = found.insert((at.group, at.binding), binding(&module, variable));
                assert!(twice.is_none(), "{name}: two variables at {at:?}");
            }
        }
        let b = kernel.buffers();
        let kinds = [
            (b.reads.len(), (false, true)),
            (b.words.len(), (false, false)),
            (b.writes.len(), (true, true)),
            (b.words_out.len(), (true, false)),
        ];
        let bindings = kinds.iter().flat_map(|&(count, kind)| std::iter::repeat_n(kind, count));
        let operands = if kernel.chain().is_some() { OPERANDS } else { 0 };
        let expected: BTreeMap<(u32, u32), (bool, bool)> = (0..)
            .map(|i| (0, i))
            .zip(bindings)
            .chain((8..8 + operands as u32).map(|i| ((0, i), (false, true))))
            .collect();
        assert_eq!(found, expected, "{name}: (group, binding): (written, floats)");
        assert!(found.len() <= STORAGE_BUFFERS, "{name}: {} storage buffers", found.len());
    }
}

#[test]
fn pipeline_constants_are_what_the_launch_sets() {
    for (kernel, dispatch) in every_launch() {
        let (name, module) = (kernel.name(), parse(&kernel, &dispatch));
        let set: BTreeSet<&str> = dispatch.overrides.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(set.len(), dispatch.overrides.len(), "{name}: a constant is set twice");
        // The Rust side does not set constants that the shader computes from others.
        let literal = |init| matches!(module.global_expressions[init], Expression::Literal(_));
        let declared: BTreeSet<&str> = module
            .overrides
            .iter()
            .filter(|(_, o)| o.init.is_none_or(literal))
            .map(|(_, o)| o.name.as_deref().expect("every override has a name"))
            .collect();
        assert_eq!(set, declared, "{name}: set by the dispatch, and declared in the shader");
    }
}

/// Variant, shape of an example, classes, settings.
type Case<'a> = (&'a str, &'a [usize], usize, &'a [(&'a str, &'a str)]);

/// The launches of models that together use every option; each pipeline occurs once.
fn planned() -> Vec<(Kernel, Dispatch)> {
    let cases: &[Case] = &[
        (
            "gan",
            &[2],
            0,
            &[
                ("batch", "256"),
                ("objective", "wgan"),
                ("clip", "0.01"),
                ("optimizer", "rmsprop"),
                ("critic_steps", "2"),
            ],
        ),
        (
            "gan",
            &[2],
            8,
            &[("pack", "2"), ("conditional", "true"), ("objective", "relativistic"), ("r1", "0.1"), ("r2", "0.1")],
        ),
        (
            "gan",
            &[1, 28, 28],
            10,
            &[("preset", "article"), ("optimizer", "sgd"), ("objective", "minimax"), ("smooth", "0.1")],
        ),
        ("dcgan", &[1, 28, 28], 10, &[]),
        (
            "dcgan",
            &[3, 32, 32],
            0,
            &[("norm_d", "none"), ("spectral", "true"), ("objective", "hinge"), ("noise", "0.1")],
        ),
        (
            "dcgan",
            &[3, 64, 64],
            10,
            &[("ema", "0.999"), ("norm_d", "layer"), ("objective", "wgan"), ("gp", "10"), ("grad_clip", "1")],
        ),
        (
            "dcgan",
            &[1, 28, 28],
            10,
            &[("conditional", "true"), ("objective", "lsgan"), ("schedule", "cosine"), ("latent_dist", "uniform")],
        ),
    ];
    let caps = Caps::default();
    let mut distinct: BTreeMap<String, (Kernel, Dispatch)> = BTreeMap::new();
    for &(variant, shape, classes, settings) in cases {
        let mut layer = Layer::default();
        layer.set("variant", variant, "");
        settings.iter().for_each(|(key, value)| layer.set(key, value, ""));
        let settings = Settings::resolve(&models::menu(), &[layer]).unwrap();
        let examples = Examples { shape: shape.to_vec(), classes, series: None };
        let model = models::variant(variant).unwrap().model(&settings, &examples).unwrap();
        let elements = if shape.len() == 3 { Elements::Bytes } else { Elements::Floats };
        let data = DataLayout {
            count: 1000,
            item_len: shape.iter().product(),
            elements,
            stack: 1,
            classes,
            mirror: 0,
            ring: None,
        };
        let plans = Plans::new(model.training(), &caps, Some(data)).unwrap();
        for (launch, caps) in
            plans.0.iter().flat_map(|(_, p)| &p.launches).flat_map(|l| every_caps().map(|caps| (l, caps)))
        {
            let dispatch = launch.kernel.dispatch(&caps);
            let key = format!("{} {:?} {:?}", launch.kernel.name(), dispatch.body.as_ptr(), dispatch.overrides);
            distinct.entry(key).or_insert_with(|| (launch.kernel.clone(), dispatch));
        }
    }
    distinct.into_values().collect()
}

/// Tint is stricter than naga in some rules, such as the allowed places of barriers. Runs only with
/// SADDLE_TEST_BROWSER.
#[test]
fn every_launch_compiles_in_a_browser() {
    if browser::wanted().is_none() {
        return;
    }
    for (kernel, dispatch) in every_launch().iter().filter(|(_, dispatch)| is_portable(dispatch)) {
        let job = browser::Job { kernel, dispatch, bindings: &[], operands: &[], reads: 0, offset: 0 };
        browser::run(&job).unwrap_or_else(|e| panic!("{kernel:?}: {e}"));
    }
}

/// The oldest Vulkan with subgroups and a new one, and the SPIR-V that wgpu writes for their drivers, as `spirv-val`
/// calls them.
const VULKAN: [(&str, &str, (u8, u8)); 2] = [("vulkan1.1", "spv1.3", (1, 3)), ("vulkan1.3", "spv1.6", (1, 6))];

/// The validator of the Khronos group.
struct SpirvVal {
    program: OsString,
    /// Whether this version knows the extension for matrix units. It then also knows Vulkan's rules for strides in
    /// workgroup memory, which naga does not follow (wgpu's issue 7696), so it checks the rules of SPIR-V alone.
    recent: bool,
}

impl SpirvVal {
    /// The validator that SADDLE_TEST_SPIRV_VAL names, which must then exist, or else that of the system, if there is
    /// one.
    fn find() -> Option<Self> {
        let named = std::env::var_os("SADDLE_TEST_SPIRV_VAL");
        let program = named.clone().unwrap_or("spirv-val".into());
        let Ok(output) = Command::new(&program).arg("--version").output() else {
            assert!(named.is_none(), "{program:?} does not run: spirv-val is in spirv-tools");
            return None;
        };
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let year = said.strip_prefix("SPIRV-Tools v").and_then(|rest| rest.split('.').next()?.parse::<u32>().ok());
        let year = year.unwrap_or_else(|| panic!("{program:?} does not say its version: {said}"));
        Some(Self { program, recent: year >= 2024 })
    }

    fn knows(&self, dispatch: &Dispatch) -> bool {
        self.recent || is_portable(dispatch)
    }

    fn pass(&self, name: &str, environment: &str, words: &[u32]) {
        let mut validator = Command::new(&self.program)
            .args(["--target-env", environment])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("spirv-val starts");
        // The validator reads all input before it writes any output.
        validator.stdin.take().expect("a pipe").write_all(bytemuck::cast_slice(words)).expect("spirv-val reads");
        let output = validator.wait_with_output().expect("spirv-val ends");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && said.is_empty(), "{name} for {environment}: {said}");
    }
}

/// Applies the constants as a driver's front end does, and translates the result to each shading language.
fn specialise(module: &Module, info: &ModuleInfo, kernel: &Kernel, dispatch: &Dispatch, validator: Option<&SpirvVal>) {
    let name = kernel.name();
    let entry = Some((ShaderStage::Compute, "main"));
    let mut constants = PipelineConstants::default();
    constants.extend(dispatch.overrides.iter().cloned());
    let specialised = back::pipeline_constants::process_overrides(module, info, entry, &constants);
    let (module, info) = specialised.unwrap_or_else(|e| panic!("{name} with {:?}: {e}", dispatch.overrides));

    let size = module.entry_points[0].workgroup_size;
    assert!(size.iter().product::<u32>() <= INVOCATIONS && size[2] <= 64, "{name}: {size:?} invocations");
    let mut layouter = Layouter::default();
    layouter.update(module.to_ctx()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let shared = module.global_variables.iter().filter(|(_, v)| v.space == AddressSpace::WorkGroup);
    let memory: u32 = shared.map(|(_, v)| layouter[v.ty].size).sum();
    let available = if is_portable(dispatch) { WORKGROUP_MEMORY } else { MATRIX_MEMORY };
    assert!(memory <= available, "{name}: {memory} bytes of workgroup memory");
    assert!(dispatch.groups.iter().all(|&g| (1..=65_535).contains(&g)), "{name}: {:?} workgroups", dispatch.groups);

    let point = || Some((ShaderStage::Compute, "main".to_string()));
    for (vulkan, spirv, lang_version) in VULKAN {
        // Without run-time checks, as the kernels run.
        let zero_initialize_workgroup_memory = spv::ZeroInitializeWorkgroupMemoryMode::None;
        let options = spv::Options {
            lang_version,
            zero_initialize_workgroup_memory,
            force_loop_bounding: false,
            emit_int_div_checks: false,
            ..Default::default()
        };
        let words = spv::write_vec(&module, &info, &options, None);
        let words = words.unwrap_or_else(|e| panic!("{name} in {spirv}: {e}"));
        if let Some(validator) = validator.filter(|v| v.knows(dispatch)) {
            let environment = if validator.recent { spirv } else { vulkan };
            validator.pass(name, environment, &words);
        }
    }
    let options = msl::PipelineOptions { entry_point: point(), ..Default::default() };
    let metal = msl::Options { lang_version: (2, 4), ..Default::default() };
    let written = msl::write_string(&module, &info, &metal, &options);
    if !is_portable(dispatch) {
        return; // Metal supports 8 x 8 only, and the other languages no matrices
    }
    written.unwrap_or_else(|e| panic!("{name} in MSL: {e}"));
    let options = hlsl::PipelineOptions { entry_point: point() };
    let mut text = String::new();
    let direct = hlsl::Options { shader_model: hlsl::ShaderModel::V6_0, ..Default::default() };
    hlsl::Writer::new(&mut text, &direct, &options)
        .write(&module, &info, None)
        .unwrap_or_else(|e| panic!("{name} in HLSL: {e}"));
    let options =
        glsl::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".into(), multiview: None };
    let mut text = String::new();
    let written = glsl::Writer::new(
        &mut text,
        &module,
        &info,
        &glsl::Options::default(),
        &options,
        BoundsCheckPolicies::default(),
    )
    .and_then(|mut writer| writer.write().map(|_| ()));
    written.unwrap_or_else(|e| panic!("{name} in GLSL: {e}"));
}

#[test]
fn every_launch_is_written_in_every_language() {
    let planned = planned();
    let all: Vec<(Kernel, Dispatch)> = planned.into_iter().chain(every_launch()).collect();
    let key = |(kernel, dispatch): &(Kernel, Dispatch)| (kernel.name(), dispatch.body.as_ptr() as usize);
    let first: BTreeMap<_, _> = all.iter().map(|one| (key(one), one)).collect();
    let parsed = |(key, (kernel, dispatch)): ((&'static str, usize), &(Kernel, Dispatch))| {
        let module = parse(kernel, dispatch);
        let info = validate(kernel.name(), &module);
        (key, (module, info))
    };
    let modules: BTreeMap<_, (Module, ModuleInfo)> = first.into_par_iter().map(parsed).collect();
    let validator = SpirvVal::find();
    all.par_iter().for_each(|one| {
        let (module, info) = &modules[&key(one)];
        specialise(module, info, &one.0, &one.1, validator.as_ref());
    });
    let shown = all.iter().filter(|(_, dispatch)| validator.as_ref().is_some_and(|v| v.knows(dispatch))).count();
    println!("{} launches of {} modules, {shown} of them passed by spirv-val", all.len(), modules.len());
}
