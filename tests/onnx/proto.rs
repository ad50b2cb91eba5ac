//! A reader for the part of ONNX's protocol buffers (`onnx.proto` 1.22) that the backend cases need.

use std::collections::HashMap;

/// The value of one field.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The number and value of each field of a message; `None` if the bytes are no message.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut found = vec![];
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let value = match key & 7 {
            0 => Field::Number(varint(&mut bytes)?),
            1 => Field::Number(u64::from_le_bytes(take(&mut bytes, 8)?.try_into().ok()?)),
            2 => {
                let len = varint(&mut bytes)? as usize;
                Field::Bytes(take(&mut bytes, len)?)
            }
            5 => Field::Number(u32::from_le_bytes(take(&mut bytes, 4)?.try_into().ok()?).into()),
            _ => return None,
        };
        found.push((key >> 3, value));
    }
    Some(found)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(head)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A repeated integer, packed or not.
fn integers(field: &Field, to: &mut Vec<i64>) -> Option<()> {
    match field {
        Field::Number(n) => to.push(*n as i64),
        &Field::Bytes(mut bytes) => {
            while !bytes.is_empty() {
                to.push(varint(&mut bytes)? as i64);
            }
        }
    }
    Some(())
}

/// A repeated float, packed or not.
fn floats(field: &Field, to: &mut Vec<f32>) {
    match field {
        Field::Number(n) => to.push(f32::from_bits(*n as u32)),
        Field::Bytes(bytes) => to.extend(bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()))),
    }
}

/// Elements of one of the types that the cases need.
#[derive(Clone, Debug)]
pub enum Values {
    Floats(Vec<f32>),
    /// Of 32 or 64 bits.
    Integers(Vec<i64>),
    Other,
}

#[derive(Clone, Debug)]
pub struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Values,
}

impl Tensor {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (mut dims, mut kind, mut name, mut raw) = (vec![], 0, String::new(), &[][..]);
        let (mut reals, mut whole) = (vec![], vec![]);
        for (number, field) in fields(bytes)? {
            match (number, &field) {
                (1, _) => integers(&field, &mut dims)?,
                (2, Field::Number(n)) => kind = *n,
                (4, _) => floats(&field, &mut reals),
                (5 | 7, _) => integers(&field, &mut whole)?,
                (8, Field::Bytes(b)) => name = text(b),
                (9, Field::Bytes(b)) => raw = b,
                _ => {}
            }
        }
        let values = match kind {
            1 => {
                floats(&Field::Bytes(raw), &mut reals);
                Values::Floats(reals)
            }
            6 => {
                whole.extend(raw.chunks_exact(4).map(|b| i64::from(i32::from_le_bytes(b.try_into().unwrap()))));
                Values::Integers(whole)
            }
            7 => {
                whole.extend(raw.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())));
                Values::Integers(whole)
            }
            _ => Values::Other,
        };
        Some(Self { name, shape: dims.into_iter().map(|d| d as usize).collect(), values })
    }
}

#[derive(Clone, Debug, Default)]
pub struct Attribute {
    pub real: f32,
    pub integer: i64,
    pub text: String,
    pub integers: Vec<i64>,
    pub texts: Vec<String>,
    pub tensor: Option<Tensor>,
}

#[derive(Clone, Debug, Default)]
pub struct Node {
    pub operation: String,
    /// Names; an empty name is an omitted input.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: HashMap<String, Attribute>,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub opset: i64,
    pub nodes: Vec<Node>,
    /// Initializers, and the constants of `Constant` nodes.
    pub constants: Vec<Tensor>,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
}

impl Model {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut model = Self::default();
        for (number, field) in fields(bytes)? {
            match (number, field) {
                (7, Field::Bytes(graph)) => model.graph(graph)?,
                (8, Field::Bytes(opset)) => {
                    let set = fields(opset)?;
                    // The operators of ONNX itself have no domain.
                    let own =
                        !set.iter().any(|(number, f)| *number == 1 && matches!(f, Field::Bytes(b) if !b.is_empty()));
                    let version = set.iter().find_map(|(number, f)| match f {
                        Field::Number(n) if *number == 2 => Some(*n as i64),
                        _ => None,
                    });
                    model.opset = version.filter(|_| own).unwrap_or(model.opset);
                }
                _ => {}
            }
        }
        Some(model)
    }

    fn graph(&mut self, bytes: &[u8]) -> Option<()> {
        let name = |bytes| {
            fields(bytes)?.into_iter().find_map(|(number, f)| match f {
                Field::Bytes(b) if number == 1 => Some(text(b)),
                _ => None,
            })
        };
        for (number, field) in fields(bytes)? {
            let Field::Bytes(bytes) = field else { continue };
            match number {
                1 => {
                    let node = node(bytes)?;
                    let value = node.attributes.get("value").and_then(|a| a.tensor.clone());
                    match value.filter(|_| node.operation == "Constant") {
                        Some(tensor) => self.constants.push(Tensor { name: node.outputs[0].clone(), ..tensor }),
                        None => self.nodes.push(node),
                    }
                }
                5 => self.constants.push(Tensor::parse(bytes)?),
                11 => self.inputs.push(name(bytes)?),
                12 => self.outputs.push(name(bytes)?),
                _ => {}
            }
        }
        Some(())
    }
}

fn node(bytes: &[u8]) -> Option<Node> {
    let mut node = Node::default();
    for (number, field) in fields(bytes)? {
        let Field::Bytes(bytes) = field else { continue };
        match number {
            1 => node.inputs.push(text(bytes)),
            2 => node.outputs.push(text(bytes)),
            4 => node.operation = text(bytes),
            5 => {
                let (name, value) = attribute(bytes)?;
                node.attributes.insert(name, value);
            }
            _ => {}
        }
    }
    Some(node)
}

fn attribute(bytes: &[u8]) -> Option<(String, Attribute)> {
    let (mut name, mut value) = (String::new(), Attribute::default());
    for (number, field) in fields(bytes)? {
        match (number, &field) {
            (1, Field::Bytes(b)) => name = text(b),
            (2, Field::Number(n)) => value.real = f32::from_bits(*n as u32),
            (3, Field::Number(n)) => value.integer = *n as i64,
            (4, Field::Bytes(b)) => value.text = text(b),
            (5, Field::Bytes(b)) => value.tensor = Some(Tensor::parse(b)?),
            (8, _) => integers(&field, &mut value.integers)?,
            (9, Field::Bytes(b)) => value.texts.push(text(b)),
            _ => {}
        }
    }
    Some((name, value))
}
