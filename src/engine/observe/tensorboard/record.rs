//! Protocol buffer messages and TFRecords, as far as event files need them.

/// A protocol buffer message in the making.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub fn integer(mut self, field: u64, value: u64) -> Self {
        self.key(field, 0);
        self.varint(value);
        self
    }

    pub fn double(mut self, field: u64, value: f64) -> Self {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    pub fn message(self, field: u64, message: Self) -> Self {
        self.bytes(field, &message.0)
    }

    pub fn float(mut self, field: u64, value: f32) -> Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    /// Seven bits a byte, the lowest first; all bytes but the last have the top bit.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// `data` as a record: its length and its bytes, each followed by a checksum.
pub(super) fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(checksum(&length));
    record.extend(data);
    record.extend(checksum(data));
    record
}

/// The CRC-32C, masked as TFRecords want it: so that the checksum of data with checksums is a good
/// one.
fn checksum(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_varints() {
        let bytes = |value| Message::default().integer(2, value).into_bytes();
        assert_eq!(bytes(0), [0x10, 0]);
        assert_eq!(bytes(127), [0x10, 127]);
        // The example of the protocol buffer documentation.
        assert_eq!(bytes(150), [0x10, 0x96, 0x01]);
        assert_eq!(bytes(u64::MAX).len(), 11);
    }
}
