//! The language in which Python writes objects, as far as state dicts use it. A program in it may call any function of
//! any module; this interpreter knows three names and two types of numbers, and runs nothing.

use std::{collections::HashMap, rc::Rc};

/// Longest program; one of a thousand tensors has 0.2 MiB.
const LONGEST: usize = 16 << 20;
/// Most values on the stack, and most that are remembered. Python writes a thousand entries at a time.
const MOST: usize = 1 << 16;
/// Longest name of a module or function.
const LINE: usize = 256;
/// Tuples inside tuples; a tensor has its shape inside its description.
const DEPTH: usize = 3;

/// The types of numbers in a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `torch.FloatStorage`.
    Float,
    /// `torch.LongStorage`.
    Long,
}

impl Kind {
    /// Bytes of a number.
    pub fn size(self) -> usize {
        match self {
            Self::Float => 4,
            Self::Long => 8,
        }
    }
}

/// Numbers that tensors are views of.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// Its name in the file.
    pub key: Rc<str>,
    /// The type of its numbers.
    pub kind: Kind,
    /// How many there are.
    pub len: usize,
}

/// Where the numbers of a tensor lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// What they are in.
    pub storage: Storage,
    /// The place of the first.
    pub offset: usize,
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Numbers between neighbours along each axis.
    pub strides: Vec<usize>,
}

/// What a program makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `None`, booleans, whole numbers beyond 64 bits that are not negative, and whatever a dict or a list holds beside
    /// tensors and texts: nothing here depends on them.
    Other,
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Rc<str>),
    /// Some values.
    Tuple(Vec<Self>),
    /// The texts in a list.
    List(Vec<Rc<str>>),
    /// The tensors in a dict, by name.
    Dict(Vec<(Rc<str>, Tensor)>),
    /// Numbers of the file.
    Storage(Storage),
    /// A view of them.
    Tensor(Tensor),
    /// A type of storage.
    Kind(Kind),
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`.
    Rebuild,
}

impl Value {
    fn depth(&self) -> usize {
        match self {
            Self::Tuple(values) => 1 + values.iter().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// Runs the program at the beginning of `bytes`: its result, and its length.
///
/// # Errors
/// Why it is none of a state dict: the end of a sentence that begins with the file.
pub fn load(bytes: &[u8]) -> Result<(Value, usize), String> {
    let mut machine = Machine { bytes: &bytes[..bytes.len().min(LONGEST)], ..Machine::default() };
    loop {
        if let Some(value) = machine.step()? {
            return Ok((value, machine.at));
        }
        if machine.stack.len().max(machine.memo.len()) > MOST {
            return Err(format!("its pickle has more than {MOST} values at a time"));
        }
    }
}

#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    /// Heights of the stack at which groups of values begin.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

impl<'a> Machine<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| format!("its pickle is cut short after {} bytes", self.bytes.len()))?;
        Ok(&self.bytes[std::mem::replace(&mut self.at, end)..end])
    }

    /// A whole number of so many bytes, the lowest first.
    fn number(&mut self, bytes: usize) -> Result<u32, String> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..];
        let Some(len) = rest.iter().take(LINE).position(|byte| *byte == b'\n') else {
            // What is shorter than a line may be has lost its end.
            self.take(LINE)?;
            return Err("its pickle names something too long".into());
        };
        let line = self.take(len + 1)?;
        std::str::from_utf8(&line[..len]).map_err(|_| "its pickle names something that is no text".into())
    }

    fn pop(&mut self) -> Result<Value, String> {
        let lowest = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() > lowest { self.stack.pop() } else { None }.ok_or_else(wrong)
    }

    /// The values since the last mark.
    fn group(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().ok_or_else(wrong)?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, count: usize) -> Result<(), String> {
        let lowest = self.marks.last().copied().unwrap_or(0);
        let start = self.stack.len().checked_sub(count).filter(|start| *start >= lowest).ok_or_else(wrong)?;
        let tuple = Value::Tuple(self.stack.split_off(start));
        if tuple.depth() > DEPTH {
            return Err(wrong());
        }
        self.stack.push(tuple);
        Ok(())
    }

    /// Puts pairs of a name and a value into the dict on top of the stack.
    fn set(&mut self, pairs: Vec<Value>) -> Result<(), String> {
        let Some(Value::Dict(dict)) = self.stack.last_mut() else { return Err(wrong()) };
        let mut pairs = pairs.into_iter();
        while let (Some(name), Some(value)) = (pairs.next(), pairs.next()) {
            if let (Value::Text(name), Value::Tensor(tensor)) = (name, value) {
                dict.push((name, tensor));
            }
        }
        Ok(())
    }

    /// Carries out one instruction; the last one has a result.
    fn step(&mut self) -> Result<Option<Value>, String> {
        let code = self.take(1)?[0];
        let value = match code {
            // PROTO, and STOP
            0x80 => match self.take(1)?[0] {
                2 => return Ok(None),
                version => return Err(format!("its pickle is of protocol {version}, and torch.save writes 2")),
            },
            b'.' => return self.pop().map(Some),
            // NONE, NEWTRUE, NEWFALSE
            b'N' | 0x88 | 0x89 => Value::Other,
            // BININT, BININT1, BININT2, LONG1
            b'J' => Value::Int(i64::from(self.number(4)? as i32)),
            b'K' => Value::Int(self.number(1)?.into()),
            b'M' => Value::Int(self.number(2)?.into()),
            0x8a => {
                let len = self.take(1)?[0].into();
                let bytes = self.take(len)?;
                let number =
                    bytes.iter().rev().try_fold(0i64, |n, byte| n.checked_mul(256)?.checked_add((*byte).into()));
                let is_negative = bytes.last().is_some_and(|byte| byte >> 7 == 1);
                number.filter(|_| !is_negative).map_or(Value::Other, Value::Int)
            }
            // BINUNICODE
            b'X' => {
                let len = self.number(4)? as usize;
                let text = std::str::from_utf8(self.take(len)?).map_err(|_| "its pickle has a name that is no text")?;
                Value::Text(text.into())
            }
            // GLOBAL
            b'c' => match (self.line()?, self.line()?) {
                ("collections", "OrderedDict") => Value::OrderedDict,
                ("torch._utils", "_rebuild_tensor_v2") => Value::Rebuild,
                ("torch", "FloatStorage") => Value::Kind(Kind::Float),
                ("torch", "LongStorage") => Value::Kind(Kind::Long),
                (module, name) => {
                    return Err(format!("it asks for `{module}.{name}`, which is no part of a state dict of float32"));
                }
            },
            // EMPTY_DICT, EMPTY_LIST
            b'}' => Value::Dict(vec![]),
            b']' => Value::List(vec![]),
            // MARK
            b'(' => {
                if self.marks.len() > DEPTH {
                    return Err(wrong());
                }
                self.marks.push(self.stack.len());
                return Ok(None);
            }
            // EMPTY_TUPLE, TUPLE1 to TUPLE3, TUPLE
            b')' | 0x85..=0x87 => {
                return self.tuple(if code == b')' { 0 } else { usize::from(code - 0x84) }).map(|()| None);
            }
            b't' => {
                let mark = self.marks.pop().ok_or_else(wrong)?;
                return self.tuple(self.stack.len().checked_sub(mark).ok_or_else(wrong)?).map(|()| None);
            }
            // APPEND, APPENDS
            b'a' | b'e' => {
                let values = if code == b'a' { vec![self.pop()?] } else { self.group()? };
                let Some(Value::List(list)) = self.stack.last_mut() else { return Err(wrong()) };
                list.extend(values.into_iter().filter_map(|value| match value {
                    Value::Text(text) => Some(text),
                    _ => None,
                }));
                return Ok(None);
            }
            // SETITEM, SETITEMS
            b's' => {
                let (value, name) = (self.pop()?, self.pop()?);
                return self.set(vec![name, value]).map(|()| None);
            }
            b'u' => {
                let pairs = self.group()?;
                return self.set(pairs).map(|()| None);
            }
            // BUILD: attributes of a dict
            b'b' => {
                self.pop()?;
                return if matches!(self.stack.last(), Some(Value::Dict(_))) { Ok(None) } else { Err(wrong()) };
            }
            // REDUCE, BINPERSID
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                call(&function, arguments)?
            }
            b'Q' => storage(self.pop()?)?,
            // BINPUT, LONG_BINPUT; only what is small is remembered
            b'q' | b'r' => {
                let place = self.number(if code == b'q' { 1 } else { 4 })?;
                if let Some(value @ (Value::Text(_) | Value::Kind(_) | Value::OrderedDict | Value::Rebuild)) =
                    self.stack.last()
                {
                    self.memo.insert(place, value.clone());
                }
                return Ok(None);
            }
            // BINGET, LONG_BINGET
            b'h' | b'j' => {
                let place = self.number(if code == b'h' { 1 } else { 4 })?;
                self.memo.get(&place).cloned().ok_or_else(wrong)?
            }
            _ => return Err(format!("its pickle has the instruction 0x{code:02x}, which no state dict needs")),
        };
        self.stack.push(value);
        Ok(None)
    }
}

fn wrong() -> String {
    "its pickle is none of a state dict".into()
}

/// The two calls that state dicts make.
fn call(function: &Value, arguments: Value) -> Result<Value, String> {
    let Value::Tuple(arguments) = arguments else { return Err(wrong()) };
    match (function, &arguments[..]) {
        (Value::OrderedDict, []) => Ok(Value::Dict(vec![])),
        (Value::Rebuild, [Value::Storage(storage), offset, Value::Tuple(shape), Value::Tuple(strides), _, _])
            if shape.len() == strides.len() =>
        {
            let all = |values: &[Value]| values.iter().map(count).collect::<Result<Vec<_>, _>>();
            let (offset, shape, strides) = (count(offset)?, all(shape)?, all(strides)?);
            Ok(Value::Tensor(Tensor { storage: storage.clone(), offset, shape, strides }))
        }
        _ => Err(wrong()),
    }
}

/// What stands for numbers that lie elsewhere in the file.
fn storage(id: Value) -> Result<Value, String> {
    let Value::Tuple(id) = id else { return Err(wrong()) };
    match &id[..] {
        [Value::Text(word), Value::Kind(kind), Value::Text(key), Value::Text(_), len, rest @ ..]
            if &**word == "storage" && matches!(rest, [] | [Value::Other]) =>
        {
            Ok(Value::Storage(Storage { key: key.clone(), kind: *kind, len: count(len)? }))
        }
        _ => Err(wrong()),
    }
}

fn count(value: &Value) -> Result<usize, String> {
    match value {
        Value::Int(number) => usize::try_from(*number).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}
