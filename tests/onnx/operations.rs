//! Translates ONNX's operators to operations of the graph, or gives the reason why the graph cannot express one.

use std::collections::HashMap;

use saddle::graph::{Graph, Var, numel};

use crate::{
    convolutions,
    proto::{Attribute, Model, Node, Tensor, Values},
    recurrent,
};

/// A value of a model: a tensor of the graph, or constant integers such as axes.
#[derive(Clone, Debug)]
pub enum Value<'g> {
    Tensor(Var<'g>),
    Integers(Vec<i64>),
}

impl<'g> Value<'g> {
    /// An input or constant of a model.
    pub fn of(graph: &'g Graph, name: &str, tensor: &Tensor) -> Result<Self, String> {
        match &tensor.values {
            Values::Integers(integers) => Ok(Self::Integers(integers.clone())),
            Values::Other => Err("of another type than f32".into()),
            Values::Floats(_) if numel(&tensor.shape) == 0 => Err("an empty tensor".into()),
            Values::Floats(_) => Ok(Self::Tensor(graph.input(name, &tensor.shape))),
        }
    }
}

/// The operators that the table counts, grouped by the engine's operations.
const COUNTED: &[&str] = &[
    "Conv",
    "ConvTranspose",
    "Gemm",
    "MatMul",
    "BatchNormalization",
    "LSTM",
    "GRU",
    "Relu",
    "LeakyRelu",
    "Elu",
    "Selu",
    "Celu",
    "PRelu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Tanh",
    "Softplus",
    "Softsign",
    "Mish",
    "Swish",
    "Gelu",
    "ThresholdedRelu",
    "Shrink",
    "Clip",
    "Softmax",
    "LogSoftmax",
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceSumSquare",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Neg",
    "Abs",
    "Exp",
    "Log",
    "Sqrt",
    "Reciprocal",
    "Pow",
    "Sin",
    "Cos",
    "Tan",
    "Sinh",
    "Cosh",
    "Asinh",
    "Acosh",
    "Atanh",
    "Asin",
    "Acos",
    "Atan",
    "Erf",
    "Floor",
    "Ceil",
    "Round",
    "Mod",
    "Sign",
    "Sum",
    "Mean",
    "Max",
    "Min",
];

/// Operators that a counted model may also contain.
const BESIDE: &[&str] = &["Constant", "Identity", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Concat"];

/// The row of the table that counts a model; `None` if the model is not counted.
pub fn kind(model: &Model) -> Option<String> {
    let operations = || model.nodes.iter().map(|n| n.operation.as_str());
    let known = |o: &str| COUNTED.contains(&o) || BESIDE.contains(&o);
    let mut counted: Vec<&str> = operations().filter(|o| COUNTED.contains(o)).collect();
    counted.sort();
    counted.dedup();
    match (operations().all(known), counted[..].len()) {
        (false, _) | (_, 0) => None,
        (_, 1) => Some(counted[0].into()),
        _ => Some("several".into()),
    }
}

/// A node with the graph, and with the values that it can read.
pub struct Operation<'a, 'g> {
    pub node: &'a Node,
    pub opset: i64,
    pub graph: &'g Graph,
    pub values: &'a HashMap<String, Value<'g>>,
}

/// A result, or the reason why the graph cannot express the operator.
pub type Said<T> = Result<T, String>;

impl<'g> Operation<'_, 'g> {
    /// Input i; `None` if it is omitted.
    pub fn input(&self, i: usize) -> Option<&Value<'g>> {
        self.node.inputs.get(i).and_then(|name| self.values.get(name))
    }

    pub fn tensor(&self, i: usize) -> Said<Var<'g>> {
        self.optional(i)?.ok_or_else(|| "an input is left out".into())
    }

    pub fn optional(&self, i: usize) -> Said<Option<Var<'g>>> {
        match self.input(i) {
            None => Ok(None),
            Some(Value::Tensor(t)) => Ok(Some(*t)),
            Some(Value::Integers(_)) => Err("of another type than f32".into()),
        }
    }

    /// All inputs.
    fn all(&self) -> Said<Vec<Var<'g>>> {
        (0..self.node.inputs.len()).map(|i| self.tensor(i)).collect()
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.node.attributes.get(name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub fn real(&self, name: &str, default: f64) -> f64 {
        self.attribute(name).map_or(default, |a| a.real.into())
    }

    pub fn integer(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.integer)
    }

    pub fn text(&self, name: &str) -> &str {
        self.attribute(name).map_or("", |a| &a.text)
    }

    /// Integers from an attribute, or from input i in later versions.
    pub fn integers(&self, name: &str, i: usize) -> Option<Vec<i64>> {
        match self.input(i) {
            Some(Value::Integers(integers)) => Some(integers.clone()),
            _ => self.attribute(name).map(|a| a.integers.clone()),
        }
    }

    pub fn results(&self) -> Said<Vec<Value<'g>>> {
        let several = match self.node.operation.as_str() {
            "LSTM" => Some(recurrent::lstm(self)?),
            "GRU" => Some(recurrent::gru(self)?),
            "BatchNormalization" => Some(self.batch_norm()?),
            "Constant" => return Err("a constant that is no tensor".into()),
            _ => None,
        };
        let all = several.map_or_else(|| self.result().map(|t| vec![t]), Ok)?;
        Ok(all.into_iter().map(Value::Tensor).collect())
    }

    fn result(&self) -> Said<Var<'g>> {
        match self.node.operation.as_str() {
            "Conv" => convolutions::conv(self),
            "ConvTranspose" => convolutions::conv_transpose(self),
            "Gemm" => self.gemm(),
            "MatMul" => self.matmul(),
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "Concat" | "Identity" => self.movement(),
            "Softmax" | "LogSoftmax" => self.softmax(),
            name if name.starts_with("Reduce") => self.reduce(),
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "PRelu" => self.binary(),
            "Sum" => self.fold(|a, b| a + b),
            "Mean" => Ok(self.fold(|a, b| a + b)? * (1.0 / self.node.inputs.len() as f64)),
            "Max" => self.fold(|a, b| b + (a - b).relu()),
            "Min" => self.fold(|a, b| b - (b - a).relu()),
            _ => self.function(),
        }
    }

    /// Functions of each element.
    fn function(&self) -> Said<Var<'g>> {
        let x = self.tensor(0)?;
        let (alpha, beta) = (|default| self.real("alpha", default), |default| self.real("beta", default));
        // scale * x where x > 0, else scale * alpha * (e^(x / width) - 1)
        let elu = |scale: f64, alpha: f64, width: f64| {
            let below = ((-(-x).relu() * (1.0 / width)).exp() - 1.0) * alpha;
            (x.relu() + below) * scale
        };
        let hard_sigmoid = |x: Var<'g>, a: f64, b: f64| {
            let y = (x * a + b).relu();
            y - (y - 1.0).relu()
        };
        Ok(match self.node.operation.as_str() {
            "Relu" => x.relu(),
            "LeakyRelu" => x.leaky_relu(alpha(0.01)),
            "Elu" => elu(1.0, alpha(1.0), 1.0),
            "Celu" => elu(1.0, alpha(1.0), alpha(1.0)),
            "Selu" => elu(self.real("gamma", 1.050_700_987_355_480_5), alpha(1.673_263_242_354_377_2), 1.0),
            "Sigmoid" => x.sigmoid(),
            "HardSigmoid" => hard_sigmoid(x, alpha(0.2), beta(0.5)),
            "HardSwish" => x * hard_sigmoid(x, 1.0 / 6.0, 0.5),
            "Tanh" => x.tanh(),
            "Softplus" => x.softplus(),
            "Softsign" => x * (x.abs() + 1.0).recip(),
            "Mish" => x * x.softplus().tanh(),
            "Swish" => x * (x * alpha(1.0)).sigmoid(),
            "Gelu" if self.text("approximate") == "tanh" => x.gelu(),
            "ThresholdedRelu" => x * (x - alpha(1.0)).is_positive(),
            "Shrink" => {
                let (limit, bias) = (self.real("lambd", 0.5), self.real("bias", 0.0));
                (x - bias) * (x - limit).is_positive() + (x + bias) * (-x - limit).is_positive()
            }
            "Clip" => return self.clip(x),
            "Neg" => -x,
            "Abs" => x.abs(),
            "Exp" => x.exp(),
            "Log" => x.log(),
            "Sqrt" => x.sqrt(),
            "Reciprocal" => x.recip(),
            "Sin" => x.sin(),
            "Cos" => x.cos(),
            "Tan" => x.sin() * x.cos().recip(),
            "Sinh" => (x.exp() - (-x).exp()) * 0.5,
            "Cosh" => (x.exp() + (-x).exp()) * 0.5,
            "Asinh" => ((x.abs() + (x.square() + 1.0).sqrt()).log()) * (x.is_positive() * 2.0 - 1.0),
            "Acosh" => (x + (x.square() - 1.0).sqrt()).log(),
            "Atanh" => ((x + 1.0) * (1.0 - x).recip()).log() * 0.5,
            "Sign" => x.is_positive() - (-x).is_positive(),
            name => return Err(format!("no function {name}")),
        })
    }

    fn clip(&self, x: Var<'g>) -> Said<Var<'g>> {
        // Old versions write the limits of f32 for omitted limits; these limit nothing.
        let limit = |name: &str, i: usize| -> Said<Option<Var<'g>>> {
            let fixed = self.has(name).then(|| self.real(name, 0.0)).filter(|v| v.abs() < 3e38);
            Ok(fixed.map(|v| self.graph.full(v, &x.shape())).or(self.optional(i)?.map(|t| to_shape(t, &x.shape()))))
        };
        let (low, high) = (limit("min", 1)?, limit("max", 2)?);
        let above = low.map_or(x, |low| low + (x - low).relu());
        Ok(high.map_or(above, |high| high - (high - above).relu()))
    }

    fn binary(&self) -> Said<Var<'g>> {
        let (a, mut b) = (self.tensor(0)?, self.tensor(1)?);
        let slopes = self.node.operation == "PRelu" && b.len() > 1;
        if self.opset < 7 && (self.has("axis") || slopes) {
            // The first axis of b belongs to this axis of a; for slopes, to the axis of channels.
            let behind = a.rank() - b.rank() - self.integer("axis", i64::from(slopes)) as usize;
            b = b.reshape(&[b.shape(), vec![1; behind]].concat());
        }
        if self.node.operation == "PRelu" {
            return Ok(a.relu() - to_shape(b, &a.shape()) * (-a).relu());
        }
        let shape = common(&a.shape(), &b.shape())?;
        let (a, b) = (to_shape(a, &shape), to_shape(b, &shape));
        Ok(match self.node.operation.as_str() {
            "Add" => a + b,
            "Sub" => a - b,
            "Mul" => a * b,
            "Div" => a * b.recip(),
            _ => (a.log() * b).exp(),
        })
    }

    fn fold(&self, f: impl Fn(Var<'g>, Var<'g>) -> Var<'g>) -> Said<Var<'g>> {
        let all = self.all()?;
        all[1..].iter().try_fold(all[0], |a, &b| {
            let shape = common(&a.shape(), &b.shape())?;
            Ok(f(to_shape(a, &shape), to_shape(b, &shape)))
        })
    }

    fn movement(&self) -> Said<Var<'g>> {
        let x = self.tensor(0)?;
        let shape = x.shape();
        let axes = |rank: usize| -> Option<Vec<usize>> {
            Some(self.integers("axes", 1)?.iter().map(|&a| place(a, rank)).collect())
        };
        Ok(match self.node.operation.as_str() {
            "Identity" => x,
            "Reshape" => {
                let wanted = self.integers("shape", 1).ok_or("no shape")?;
                let kept = |(i, &n): (usize, &i64)| if n == 0 { shape[i] } else { n.max(1) as usize };
                let mut to: Vec<usize> = wanted.iter().enumerate().map(kept).collect();
                let rest = x.len() / numel(&to);
                wanted.iter().position(|&n| n == -1).iter().for_each(|&i| to[i] = rest);
                x.reshape(&to)
            }
            "Flatten" => {
                let axis = self.integer("axis", 1).rem_euclid(shape.len() as i64 + 1) as usize;
                x.reshape(&[numel(&shape[..axis]), numel(&shape[axis..])])
            }
            "Squeeze" => {
                let gone = axes(shape.len());
                let stays = |a: &usize| gone.as_ref().map_or(shape[*a] != 1, |gone| !gone.contains(a));
                x.reshape(&(0..shape.len()).filter(stays).map(|a| shape[a]).collect::<Vec<_>>())
            }
            "Unsqueeze" => {
                let count = self.integers("axes", 1).ok_or("no axes")?.len();
                let (new, mut old) = (axes(shape.len() + count).ok_or("no axes")?, shape.iter());
                let extent = |a: usize| if new.contains(&a) { 1 } else { *old.next().unwrap() };
                x.reshape(&(0..shape.len() + count).map(extent).collect::<Vec<_>>())
            }
            "Transpose" => {
                let reversed = || (0..shape.len() as i64).rev().collect();
                let perm = self.attribute("perm").map_or_else(reversed, |a| a.integers.clone());
                x.permute(&perm.iter().map(|&a| a as usize).collect::<Vec<_>>())
            }
            _ => {
                let axis = place(self.integer("axis", 1), shape.len());
                self.all()?.into_iter().reduce(|a, b| a.concat(b, axis)).unwrap()
            }
        })
    }

    fn reduce(&self) -> Said<Var<'g>> {
        let x = self.tensor(0)?;
        let given = self.integers("axes", 1).unwrap_or_default();
        let mut axes: Vec<usize> = given.iter().map(|&a| place(a, x.rank())).collect();
        axes.sort();
        let nothing = axes.is_empty() && self.integer("noop_with_empty_axes", 0) == 1;
        if axes.is_empty() && !nothing {
            axes = (0..x.rank()).collect();
        }
        let y = match self.node.operation.as_str() {
            "ReduceSum" => x.sum(&axes),
            "ReduceMean" => x.mean(&axes),
            "ReduceMax" if !nothing => x.max(&axes),
            "ReduceMin" if !nothing => -(-x).max(&axes),
            "ReduceL1" => x.abs().sum(&axes),
            "ReduceL2" => x.square().sum(&axes).sqrt(),
            "ReduceLogSum" => x.sum(&axes).log(),
            "ReduceLogSumExp" => {
                let peak = x.max(&axes);
                (x - peak.broadcast(&x.shape(), &axes)).exp().sum(&axes).log() + peak
            }
            "ReduceSumSquare" => x.square().sum(&axes),
            "ReduceMax" | "ReduceMin" => x,
            name => return Err(format!("no reduction {name}")),
        };
        let kept = |a: usize| if axes.contains(&a) { 1 } else { x.dim(a) };
        let keep = self.integer("keepdims", 1) == 1;
        Ok(if keep { y.reshape(&(0..x.rank()).map(kept).collect::<Vec<_>>()) } else { y })
    }

    fn softmax(&self) -> Said<Var<'g>> {
        let x = self.tensor(0)?;
        let shape = x.shape();
        // Before version 13, the softmax runs over all axes from this one on.
        let axis = place(self.integer("axis", if self.opset < 13 { 1 } else { -1 }), shape.len());
        let axes: Vec<usize> = if self.opset < 13 { (axis..shape.len()).collect() } else { vec![axis] };
        let across = |t: Var<'g>| t.broadcast(&shape, &axes);
        let shifted = x - across(x.max(&axes));
        let total = across(shifted.exp().sum(&axes));
        Ok(if self.node.operation == "Softmax" { shifted.exp() * total.recip() } else { shifted - total.log() })
    }

    fn gemm(&self) -> Said<Var<'g>> {
        let turned = |t: Var<'g>, name: &str| if self.integer(name, 0) == 1 { t.transpose() } else { t };
        let (a, b) = (turned(self.tensor(0)?, "transA"), turned(self.tensor(1)?, "transB"));
        let y = a.matmul(b) * self.real("alpha", 1.0);
        let c = self.optional(2)?.map(|c| to_shape(c, &y.shape()) * self.real("beta", 1.0));
        Ok(c.map_or(y, |c| y + c))
    }

    fn matmul(&self) -> Said<Var<'g>> {
        let (a, b) = (self.tensor(0)?, self.tensor(1)?);
        // A vector is a row on the left and a column on the right; the result loses the added axis.
        let (row, column) = (a.rank() == 1, b.rank() == 1);
        let a = if row { a.reshape(&[1, a.len()]) } else { a };
        let b = if column { b.reshape(&[b.len(), 1]) } else { b };
        let (left, right) = (a.shape(), b.shape());
        let ((la, ma), (lb, mb)) = (left.split_at(left.len() - 2), right.split_at(right.len() - 2));
        let batch = common(la, lb)?;
        let of = |matrix: &[usize]| [batch.clone(), matrix.to_vec()].concat();
        let y = to_shape(a, &of(ma)).matmul(to_shape(b, &of(mb)));
        let (rows, columns) = (if row { vec![] } else { vec![ma[0]] }, if column { vec![] } else { vec![mb[1]] });
        Ok(y.reshape(&[batch, rows, columns].concat()))
    }

    fn batch_norm(&self) -> Said<Vec<Var<'g>>> {
        let [x, scale, shift, mean, variance] = self.all()?[..] else { return Err("not five inputs".into()) };
        let axes: Vec<usize> = (0..x.rank()).filter(|&a| a != 1).collect();
        let row = [1, x.dim(1)];
        let given = mean.reshape(&row).concat(variance.reshape(&row), 0);
        let eps = self.real("epsilon", 1e-5);
        if self.integer("training_mode", 0) == 0 {
            return Ok(vec![x.batch_norm(given, scale, shift, &axes, eps)]);
        }
        let own = x.moments(&axes);
        let momentum = self.real("momentum", 0.9);
        let running = given * momentum + own * (1.0 - momentum);
        Ok(vec![x.batch_norm(own, scale, shift, &axes, eps), running.index(0), running.index(1)])
    }
}

/// The index of an axis; a negative one counts from the end.
fn place(axis: i64, rank: usize) -> usize {
    axis.rem_euclid(rank.max(1) as i64) as usize
}

/// The shape that both are broadcast to: axes are aligned at the end, and an extent of 1 repeats.
fn common(a: &[usize], b: &[usize]) -> Said<Vec<usize>> {
    let rank = a.len().max(b.len());
    let extent = |s: &[usize], axis: usize| (axis + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
    let both = |axis: usize| match (extent(a, axis), extent(b, axis)) {
        (1, n) | (n, 1) => Ok(n),
        (n, m) if n == m => Ok(n),
        _ => Err(format!("{a:?} beside {b:?}")),
    };
    (0..rank).map(both).collect()
}

/// A tensor broadcast to a shape, by the same rule.
fn to_shape<'g>(t: Var<'g>, shape: &[usize]) -> Var<'g> {
    let (from, new) = (t.shape(), shape.len() - t.rank());
    let repeats = |&a: &usize| a < new || (from[a - new] == 1 && shape[a] != 1);
    let axes: Vec<usize> = (0..shape.len()).filter(repeats).collect();
    let kept: Vec<usize> = (0..shape.len()).filter(|a| !axes.contains(a)).map(|a| shape[a]).collect();
    t.reshape(&kept).broadcast(shape, &axes)
}
