//! The few opcodes of Python's pickle (protocols 2 to 5) that state_dicts are written with.
//! (CPython, Lib/pickletools.py.)

use std::collections::BTreeMap;

use crate::error::shown::quoted;
use crate::files::pytorch::state_dict::cursor::Cursor;
use crate::files::pytorch::state_dict::objects::{Global, Objects, Pickle, Value};

pub(super) const PROTO: u8 = 0x80;

/// Reads the pickle at `start`; also returns where it ends. Offsets in messages are into `bytes`.
///
/// # Errors
/// If the bytes are no pickle, or use what a state_dict doesn't need.
pub(super) fn load(bytes: &[u8], start: usize) -> Result<(Pickle<'_>, usize), String> {
    let mut machine = Machine {
        cursor: Cursor::new(bytes, start),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: BTreeMap::new(),
        objects: Objects::default(),
    };
    loop {
        let at = machine.cursor.at();
        let root = machine.step(at == start).map_err(|error| format!("byte {at}: {error}"))?;
        if let Some(root) = root {
            return Ok((Pickle { objects: machine.objects, root }, machine.cursor.at()));
        }
    }
}

struct Machine<'a> {
    cursor: Cursor<'a>,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at the opcodes MARK that are still open.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Value<'a>>,
    objects: Objects<'a>,
}

impl<'a> Machine<'a> {
    /// Does one opcode; the pickle's value if it was STOP.
    fn step(&mut self, first: bool) -> Result<Option<Value<'a>>, String> {
        let opcode = self.cursor.u8("an opcode")?;
        if first != (opcode == PROTO) {
            return Err(format!(
                "expected the opcode PROTO first and only there, found {opcode:#04x}"
            ));
        }
        match opcode {
            PROTO => {
                let version = self.cursor.u8("protocol")?;
                if !(2..=5).contains(&version) {
                    return Err(format!("expected pickle protocol 2 to 5, found {version}"));
                }
            }
            // FRAME: how much to read at once.
            0x95 => {
                let length = self.cursor.u64("frame length")?;
                let left = self.cursor.rest().len();
                if length > left as u64 {
                    return Err(format!("expected a frame of {length} bytes, found {left}"));
                }
            }
            b'.' => {
                let root = self.pop()?;
                return match (self.stack.len(), self.marks.len()) {
                    (0, 0) => Ok(Some(root)),
                    (more, _) => Err(format!("expected one value at the end, found {}", more + 1)),
                };
            }

            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'J' => {
                let value = self.cursor.u32("BININT")?;
                self.push(Value::Int(value.cast_signed().into()))?;
            }
            b'K' => {
                let value = self.cursor.u8("BININT1")?;
                self.push(Value::Int(value.into()))?;
            }
            b'M' => {
                let value = self.cursor.u16("BININT2")?;
                self.push(Value::Int(value.into()))?;
            }
            0x8a => {
                let length = self.cursor.u8("LONG1")?;
                let bytes = self.cursor.take(length.into(), "LONG1")?;
                self.push(long(bytes))?;
            }
            b'G' => {
                self.cursor.u64("BINFLOAT")?;
                self.push(Value::Float)?;
            }
            // BINUNICODE and BINSTRING, which Python 2 wrote.
            b'X' | b'T' => {
                let length = self.cursor.u32("string length")?;
                self.string(length as usize)?;
            }
            0x8c | b'U' => {
                let length = self.cursor.u8("string length")?;
                self.string(length.into())?;
            }

            b')' => self.tuple(Vec::new())?,
            0x85 => self.short_tuple::<1>()?,
            0x86 => self.short_tuple::<2>()?,
            0x87 => self.short_tuple::<3>()?,
            b't' => {
                let items = self.pop_to_mark()?;
                self.tuple(items)?;
            }
            b']' => {
                let list = Value::List(self.objects.sequence(Vec::new()));
                self.push(list)?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            b'}' => {
                let dict = self.objects.dict(Vec::new());
                self.push(dict)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set(&items)?;
            }
            b'(' => {
                self.objects.count(1)?;
                self.marks.push(self.stack.len());
            }

            b'h' => {
                let index = self.cursor.u8("BINGET")?;
                self.recall(index.into())?;
            }
            b'j' => {
                let index = self.cursor.u32("LONG_BINGET")?;
                self.recall(index)?;
            }
            b'q' => {
                let index = self.cursor.u8("BINPUT")?;
                self.remember(index.into())?;
            }
            b'r' => {
                let index = self.cursor.u32("LONG_BINPUT")?;
                self.remember(index)?;
            }
            // MEMOIZE; the memo can't outgrow the limit on values.
            0x94 => self.remember(self.memo.len() as u32)?,

            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.push(Value::Global(Global::find(module, name)?))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Str(module), Value::Str(name)) = (module, name) else {
                    let (module, name) = (module.kind(), name.kind());
                    return Err(format!("expected a module and a name, found {module} and {name}"));
                };
                self.push(Value::Global(Global::find(module, name)?))?;
            }
            b'R' => {
                let arguments = self.pop()?;
                let global = self.pop()?;
                let value = self.objects.call(global, arguments)?;
                self.push(value)?;
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.objects.persistent(id)?;
                self.push(storage)?;
            }
            // BUILD sets attributes. Modules put `_metadata` on their state_dict; it has no
            // weights.
            b'b' => {
                let (attributes, target) = (self.pop()?, self.top()?);
                let (Value::Dict(_), Value::Dict(_)) = (target, attributes) else {
                    let (target, attributes) = (target.kind(), attributes.kind());
                    return Err(format!(
                        "expected a dict of attributes for a dict, found {attributes} for {target}"
                    ));
                };
            }
            _ => {
                return Err(format!(
                    "expected an opcode that state_dicts are written with, found {opcode:#04x}"
                ));
            }
        }
        Ok(None)
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), String> {
        self.objects.count(1)?;
        self.stack.push(value);
        Ok(())
    }

    fn top(&self) -> Result<Value<'a>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(value) if self.stack.len() > floor => Ok(*value),
            _ => Err("expected a value on the stack, found none".to_string()),
        }
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>, String> {
        let mark = self.marks.pop().ok_or("expected a mark on the stack, found none")?;
        Ok(self.stack.split_off(mark))
    }

    fn string(&mut self, length: usize) -> Result<(), String> {
        let bytes = self.cursor.take(length, "a string")?;
        self.push(Value::Str(text(bytes)?))
    }

    fn tuple(&mut self, items: Vec<Value<'a>>) -> Result<(), String> {
        let tuple = Value::Tuple(self.objects.sequence(items));
        self.push(tuple)
    }

    fn short_tuple<const N: usize>(&mut self) -> Result<(), String> {
        let mut items = vec![Value::None; N];
        for item in items.iter_mut().rev() {
            *item = self.pop()?;
        }
        self.tuple(items)
    }

    fn append(&mut self, items: Vec<Value<'a>>) -> Result<(), String> {
        let list = self.top()?;
        let Value::List(list) = list else {
            return Err(format!("expected a list to append to, found {}", list.kind()));
        };
        self.objects.sequences[list].extend(items);
        Ok(())
    }

    fn set(&mut self, items: &[Value<'a>]) -> Result<(), String> {
        let dict = self.top()?;
        let Value::Dict(dict) = dict else {
            return Err(format!("expected a dict to set items of, found {}", dict.kind()));
        };
        let (pairs, odd) = items.as_chunks::<2>();
        if !odd.is_empty() {
            return Err(format!("expected keys and values, found {} of both", items.len()));
        }
        self.objects.dicts[dict].extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn recall(&mut self, index: u32) -> Result<(), String> {
        let value = self.memo.get(&index).copied();
        self.push(value.ok_or_else(|| format!("expected a memo {index}, found none"))?)
    }

    fn remember(&mut self, index: u32) -> Result<(), String> {
        let value = self.top()?;
        self.objects.count(1)?;
        self.memo.insert(index, value);
        Ok(())
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = self.cursor.rest();
        let length = rest.iter().position(|&byte| byte == b'\n');
        let length = length.ok_or("expected a line with a name, found no end of line")?;
        let line = self.cursor.take(length, "a name")?;
        self.cursor.take(1, "end of line")?;
        text(line)
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| format!("expected UTF-8, found {}", quoted(bytes)))
}

/// A little-endian two's complement number of any length.
fn long(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > 8 {
        return Value::Long(bytes);
    }
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut value = [if negative { 0xff } else { 0 }; 8];
    value[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(value))
}
