//! Values as JSON in the layout of the report: one blank a level, small objects on one line. serde_json's serializer with a
//! layout of ours wrote the same bytes in three times the steps: it looks at each key and string byte by byte, twice.

use serde::Serialize;
use serde::ser;
use serde::ser::Impossible;
use serde_json::Error;

use crate::report::json::text;

/// Objects up to this many keys stand on one line: a frame, a copy, a hop.
const KEYS_ON_ONE_LINE_MAX: usize = 3;

/// What begins this deep stands on one line: challenges and credentials within an attempt.
const DEPTH_OF_LINES_MAX: usize = 5;

/// What stands between items: a comma, a line end, and a blank a level.
const BETWEEN: &[u8] = b",\n                ";

/// Writes one value.
pub struct Layout<'o> {
    out: &'o mut Vec<u8>,
    depth: usize,
    /// How many of the containers that are open stand on one line.
    inline: usize,
}

impl<'o> Layout<'o> {
    /// Writes to the end of `out`, indented as if the value stood `depth` levels deep.
    pub fn new(out: &'o mut Vec<u8>, depth: usize) -> Layout<'o> {
        Layout { out, depth, inline: 0 }
    }

    /// Writes to the end of `out`, all of it on one line.
    pub fn on_one_line(out: &'o mut Vec<u8>) -> Layout<'o> {
        Layout { out, depth: 0, inline: 1 }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn line(&mut self, has_comma: bool) {
        let between = BETWEEN.get(usize::from(!has_comma)..self.depth + 2);
        self.put(between.unwrap_or(BETWEEN));
    }

    fn number(&mut self, number: impl itoa::Integer) {
        self.put(itoa::Buffer::new().format(number).as_bytes());
    }

    fn open(&mut self, brackets: Brackets, keys: Option<usize>) -> Items<'_, 'o> {
        self.put(brackets.open);
        let is_small = keys.is_some_and(|keys| keys <= KEYS_ON_ONE_LINE_MAX);
        self.inline += usize::from(self.inline > 0 || is_small || self.depth > DEPTH_OF_LINES_MAX);
        self.depth += 1;
        Items { layout: self, brackets, is_empty: true }
    }
}

/// The brackets of an array or an object.
#[derive(Clone, Copy)]
struct Brackets {
    open: &'static [u8],
    close: &'static [u8],
}

const ARRAY: Brackets = Brackets { open: b"[", close: b"]" };
const OBJECT: Brackets = Brackets { open: b"{", close: b"}" };

/// The items of an array or an object that is being written.
pub struct Items<'l, 'o> {
    layout: &'l mut Layout<'o>,
    brackets: Brackets,
    is_empty: bool,
}

impl Items<'_, '_> {
    fn separate(&mut self) {
        let is_first = std::mem::replace(&mut self.is_empty, false);
        if self.layout.inline == 0 {
            self.layout.line(!is_first);
        } else if !is_first {
            self.layout.put(b", ");
        }
    }

    fn close(self) {
        let Items { layout, brackets, is_empty } = self;
        layout.depth = layout.depth.saturating_sub(1);
        if layout.inline > 0 {
            layout.inline -= 1;
        } else if !is_empty {
            layout.line(false);
        }
        layout.put(brackets.close);
    }
}

impl ser::SerializeSeq for Items<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.separate();
        value.serialize(&mut *self.layout)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl ser::SerializeStruct for Items<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        self.separate();
        // The names of fields are ours and need no escaping.
        self.layout.put(b"\"");
        self.layout.put(key.as_bytes());
        self.layout.put(b"\": ");
        value.serialize(&mut *self.layout)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl ser::SerializeMap for Items<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.separate();
        key.serialize(&mut *self.layout)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.layout.put(b": ");
        value.serialize(&mut *self.layout)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

/// What no report holds.
fn unsupported(what: &str) -> Error {
    ser::Error::custom(format_args!("reports hold no {what}"))
}

type Never = Impossible<(), Error>;

impl<'l, 'o> ser::Serializer for &'l mut Layout<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'l, 'o>;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Items<'l, 'o>;
    type SerializeStruct = Items<'l, 'o>;
    type SerializeStructVariant = Never;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.put(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.number(value);
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.number(value);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        serde_json::to_writer(&mut *self.out, &value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        text::push(self.out, value);
        Ok(())
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        text::push_display(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Error> {
        Err(unsupported("bytes"))
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.put(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        Err(unsupported("variants with values"))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'l, 'o>, Error> {
        Ok(self.open(ARRAY, None))
    }

    fn serialize_tuple(self, _: usize) -> Result<Never, Error> {
        Err(unsupported("tuples"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Never, Error> {
        Err(unsupported("tuples"))
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Never, Error> {
        Err(unsupported("variants with values"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'l, 'o>, Error> {
        Ok(self.open(OBJECT, None))
    }

    fn serialize_struct(self, _: &'static str, keys: usize) -> Result<Items<'l, 'o>, Error> {
        Ok(self.open(OBJECT, Some(keys)))
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Never, Error> {
        Err(unsupported("variants with values"))
    }
}
