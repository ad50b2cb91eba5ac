//! Every kernel: a WGSL file in `shaders/` and a module of the same name here.
//!
//! A kernel's module holds its parameters, the only launch geometry, a plain reference on the CPU that is generic over
//! the float type, and its cost. Nothing else knows a tile size.
//!
//! The bindings are, in order, what the kernel reads (`f32`), the words it reads (`u32`), what it writes (`f32`)
//! and the words it writes; from binding 8 on, the operands of the fused pointwise [`chain`], where the kernel has one.

pub mod adam;
pub mod chain;
pub mod conv2d;
pub mod conv2d_filter;
pub mod conv_transpose2d;
pub mod cross_entropy;
pub mod finite;
mod fold;
pub mod gather;
pub mod gru;
pub mod gru_grad;
pub mod lstm;
pub mod lstm_grad;
pub mod matmul;
pub mod matrix_multiply_add;
pub mod moments;
pub mod multiply_add;
pub mod norm_sums;
pub mod order;
pub mod pad;
pub mod pointwise;
mod product;
pub mod random;
pub mod record;
pub mod recurrent;
pub mod reduce;
pub mod rmsprop;
pub mod row_sums;
pub mod rows;
pub mod sgd;
pub mod softmax;
pub mod tick;

use num_traits::Float;
use serde::{Deserialize, Serialize};

use crate::graph::{Optimizer, Real};
pub use adam::Adam;
pub use chain::{Chain, Index};
pub use conv_transpose2d::ConvTranspose2d;
pub use conv2d::{Conv2d, Geometry};
pub use conv2d_filter::Conv2dFilter;
pub use cross_entropy::CrossEntropy;
pub use finite::Finite;
pub use fold::Axis;
pub(crate) use fold::{len, offset, offsets};
pub use gather::Gather;
pub use gru::Gru;
pub use gru_grad::GruGrad;
pub use lstm::Lstm;
pub use lstm_grad::LstmGrad;
pub use matmul::MatMul;
pub use matrix_multiply_add::MatrixMultiplyAdd;
pub use moments::Moments;
pub use multiply_add::MultiplyAdd;
pub use norm_sums::NormSums;
pub use pad::Pad;
pub use pointwise::Pointwise;
pub use product::{Body, Matrix};
pub use random::Random;
pub use record::Record;
pub use recurrent::Sequence;
pub use reduce::Reduce;
pub use rmsprop::RmsProp;
pub use row_sums::RowSums;
pub use rows::Rows;
pub use sgd::Sgd;
pub use softmax::Softmax;
pub use tick::{Clock, Tick};

/// Capabilities of an adapter that launches and plans depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Caps {
    /// Maximum size of one storage binding, in bytes.
    pub max_binding: u64,
    /// Maximum number of workgroups along one axis of a dispatch.
    pub max_groups: u32,
    /// Body that computes products whose shape suits its tiles.
    pub product: Body,
    /// Whether shaders can compute in half precision.
    pub half: bool,
    /// Matrices that the matrix units multiply.
    pub matrices: Vec<Matrix>,
    /// Whether a launch needs many workgroups to fill the device, as on GPUs: the planner splits long sums with few
    /// results into parts, which another launch adds.
    pub needs_many_workgroups: bool,
    /// Whether launches are expensive beside arithmetic, as on GPUs: the planner computes small tensors again in each
    /// kernel that uses them.
    pub launches_are_expensive: bool,
    /// Whether kernels run as shaders: loops, workgroups and 32-bit indices set limits then.
    pub runs_shaders: bool,
}

impl Default for Caps {
    /// Limits that every WebGPU implementation guarantees.
    fn default() -> Self {
        Self {
            max_binding: 128 << 20,
            max_groups: 65_535,
            product: Body::Tiled,
            half: false,
            matrices: vec![],
            needs_many_workgroups: true,
            launches_are_expensive: true,
            runs_shaders: true,
        }
    }
}

/// How to run a kernel once: the rest of its WGSL, pipeline constants and the number of workgroups.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// WGSL that follows the kernel's own.
    pub body: &'static [&'static str],
    /// Name and value of each pipeline constant; those left out keep the shader's default.
    pub overrides: Vec<(String, f64)>,
    /// Workgroups along x, y and z.
    pub groups: [u32; 3],
}

impl Dispatch {
    /// `groups` workgroups, folded over x and y; a shader unfolds them as `wg.x + wg.y * num_groups.x` and must
    /// ignore the excess.
    pub fn folded(groups: usize, caps: &Caps, overrides: Vec<(String, f64)>) -> Self {
        let rows = groups.div_ceil(caps.max_groups as usize).max(1);
        let groups = [groups.div_ceil(rows).max(1) as u32, rows as u32, 1];
        Self { body: &[], overrides, groups }
    }

    /// A kernel's files, the body and the chain's function in one module, whose directives come first.
    pub fn joined(&self, own: &[&str], chain: &str) -> String {
        let lines = || own.iter().chain(self.body).copied().chain([chain]).flat_map(str::lines);
        let directive = |line: &&str| line.starts_with("enable ");
        lines().filter(directive).chain(lines().filter(|line| !directive(line))).flat_map(|line| [line, "\n"]).collect()
    }
}

/// The most iterations of a loop in one invocation: some drivers stop at 65,535 and do not say so.
pub const MAX_LOOP: usize = 32_768;
/// The number of elements that a 32-bit index of a shader can address.
pub const MAX_ELEMENTS: usize = 1 << 32;

/// Pairs of override name and value.
#[macro_export]
macro_rules! overrides {
    ($($name:ident = $value:expr),* $(,)?) => { vec![$((stringify!($name).to_string(), ($value) as f64)),*] };
}

/// Arithmetic and traffic of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Floating-point operations, a multiply-add counted as two.
    pub flops: f64,
    /// Bytes that must be read and written at least once.
    pub bytes: f64,
}

/// Number of elements in each binding, by kind, in the order of the bindings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buffers {
    /// Tensors that are only read.
    pub reads: Vec<usize>,
    /// Words that are only read: the clock, the data set.
    pub words: Vec<usize>,
    /// Tensors that are written, or read and written.
    pub writes: Vec<usize>,
    /// Words that are written.
    pub words_out: Vec<usize>,
}

/// The slices that a reference runs on; `operands` are the chain's.
pub struct Io<'a, F> {
    /// See [`Buffers::reads`].
    pub reads: Vec<&'a [F]>,
    /// See [`Buffers::words`].
    pub words: Vec<&'a [u32]>,
    /// See [`Buffers::writes`].
    pub writes: Vec<&'a mut [F]>,
    /// See [`Buffers::words_out`].
    pub words_out: Vec<&'a mut [u32]>,
    /// Operands of the chain, from binding 8 on.
    pub operands: Vec<&'a [F]>,
}

/// The interface that each kernel's module implements.
pub trait Spec {
    /// File name of the shader without `.wgsl`.
    const NAME: &'static str;
    /// The WGSL files that make up the shader module, together with the body of its dispatch.
    const SOURCES: &'static [&'static str];
    /// Elements of each binding of group 0.
    fn buffers(&self) -> Buffers;
    /// Workgroups and pipeline constants of one launch.
    fn dispatch(&self, caps: &Caps) -> Dispatch;
    /// Computes the shader's result with plain loops, in any float type. Recurrent cells have a reference too, although
    /// `composite` defines them: the bounds of errors come from references, run on magnitudes in f64 and f32.
    fn reference<F: Float>(&self, io: Io<F>);
    /// Arithmetic and minimum memory traffic of one run.
    fn cost(&self) -> Cost;
    /// The fused pointwise chain, if the kernel has one.
    fn chain(&self) -> Option<&Chain> {
        None
    }
    /// The reason why no GPU can run the kernel in one launch, if there is one.
    fn obstacle(&self) -> Option<String> {
        None
    }
    /// What distinguishes a form of the kernel in reports, such as the transposed factors of a product.
    fn form(&self) -> String {
        String::new()
    }
    /// The shape of the kernel's problem, as a short text: by default, the number of elements that it writes.
    fn shape(&self) -> String {
        let buffers = self.buffers();
        buffers.writes.iter().chain(&buffers.words_out).max().map_or(String::new(), usize::to_string)
    }
}

macro_rules! kernels {
    ($($name:ident),* $(,)?) => {
        /// Any kernel with its parameters: plain data.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum Kernel {
            $(
                #[doc = concat!("See [`", stringify!($name), "`].")]
                $name($name),
            )*
        }

        impl Kernel {
            /// Names of all kernels.
            pub const NAMES: &[&'static str] = &[$($name::NAME),*];

            /// See [`Spec::NAME`].
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $name::NAME),* }
            }
            /// See [`Spec::SOURCES`].
            pub fn sources(&self) -> &'static [&'static str] {
                match self { $(Self::$name(_) => $name::SOURCES),* }
            }
            /// The WGSL of a launch.
            pub fn source(&self, dispatch: &Dispatch) -> String {
                dispatch.joined(self.sources(), &self.chain().map_or(String::new(), Chain::wgsl))
            }
            /// See [`Spec::buffers`].
            pub fn buffers(&self) -> Buffers {
                match self { $(Self::$name(k) => k.buffers()),* }
            }
            /// See [`Spec::dispatch`].
            pub fn dispatch(&self, caps: &Caps) -> Dispatch {
                match self { $(Self::$name(k) => k.dispatch(caps)),* }
            }
            /// See [`Spec::reference`].
            pub fn reference<F: Float>(&self, io: Io<F>) {
                match self { $(Self::$name(k) => k.reference(io)),* }
            }
            /// See [`Spec::cost`].
            pub fn cost(&self) -> Cost {
                match self { $(Self::$name(k) => k.cost()),* }
            }
            /// See [`Spec::chain`].
            pub fn chain(&self) -> Option<&Chain> {
                match self { $(Self::$name(k) => k.chain()),* }
            }
            /// See [`Spec::form`].
            pub fn form(&self) -> String {
                match self { $(Self::$name(k) => k.form()),* }
            }
            /// See [`Spec::shape`].
            pub fn shape(&self) -> String {
                match self { $(Self::$name(k) => k.shape()),* }
            }
            /// See [`Spec::obstacle`]; [`Kernel::dispatch`] is for kernels that have none.
            pub fn obstacle(&self) -> Option<String> {
                match self { $(Self::$name(k) => k.obstacle()),* }
            }
        }
        $(impl From<$name> for Kernel { fn from(k: $name) -> Self { Self::$name(k) } })*
    };
}

impl Kernel {
    /// The WGSL of one launch for people, below its workgroups and its pipeline constants.
    pub fn wgsl(&self, caps: &Caps) -> String {
        let dispatch = self.dispatch(caps);
        let constants: String = dispatch.overrides.iter().map(|(name, value)| format!(" {name} = {value}")).collect();
        format!("// {:?} workgroups;{constants}\n\n{}", dispatch.groups, self.source(&dispatch))
    }

    /// The kernel of one update of `len` parameters.
    pub fn update(optimizer: Optimizer, len: usize) -> Self {
        match optimizer {
            Optimizer::Adam { beta1, beta2, eps, decay } => {
                let [beta1, beta2, eps, decay] = [beta1, beta2, eps, decay].map(Real::get);
                Adam { len, beta1, beta2, eps, decay }.into()
            }
            Optimizer::Sgd { momentum } => Sgd { len, momentum: momentum.get() }.into(),
            Optimizer::RmsProp { decay, eps } => RmsProp { len, decay: decay.get(), eps: eps.get() }.into(),
        }
    }
}

kernels!(
    Adam,
    Conv2d,
    Conv2dFilter,
    ConvTranspose2d,
    CrossEntropy,
    Finite,
    Gather,
    Gru,
    GruGrad,
    Lstm,
    LstmGrad,
    MatMul,
    MatrixMultiplyAdd,
    Moments,
    MultiplyAdd,
    NormSums,
    Pad,
    Pointwise,
    Random,
    Record,
    Reduce,
    RmsProp,
    RowSums,
    Rows,
    Sgd,
    Softmax,
    Tick
);

/// A constant of the reference's float type.
#[inline(always)]
pub(crate) fn real<F: Float>(value: f64) -> F {
    F::from(value).expect("a finite constant fits every float type")
}

/// The reason why one workgroup cannot process a row of this length, if there is one.
pub(crate) fn row_obstacle(row: usize) -> Option<String> {
    (row.div_ceil(lanes(row)) > MAX_LOOP).then(|| format!("rows of {row} values are too long for one launch"))
}

/// Lanes of a workgroup that processes one row: the row's length, rounded up to a power of two, within 32..=256.
pub(crate) fn lanes(row: usize) -> usize {
    row.next_power_of_two().clamp(32, 256)
}
