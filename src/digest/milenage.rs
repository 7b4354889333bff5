//! Milenage: what a SIM makes of its key and of RAND (3GPP TS 35.206 §4.1). AES-128 throughout; everything is wiped on drop.

use aes::Aes128;
use aes::cipher::BlockCipherEncrypt;
use aes::cipher::KeyInit;
use zeroize::Zeroizing;

/// A block of 128 bits.
pub(super) type Block = Zeroizing<[u8; 16]>;

/// RES, CK and IK of one challenge.
pub(super) struct Outputs {
    /// f2, 8 bytes: what answers the challenge.
    pub(super) res: Zeroizing<[u8; 8]>,
    /// f3, the cipher key.
    pub(super) ck: Block,
    /// f4, the integrity key.
    pub(super) ik: Block,
}

/// OPc, the operator's value bound to a SIM's key: `OP ⊕ E_K(OP)`.
pub(super) fn opc(key: &[u8; 16], op: &[u8; 16]) -> Block {
    xor(&encrypt(&Aes128::new(key.into()), op), op)
}

/// f2, f3 and f4 over one RAND.
pub(super) fn outputs(key: &[u8; 16], opc: &[u8; 16], rand: &[u8; 16]) -> Outputs {
    let cipher = Aes128::new(key.into());
    let temp = encrypt(&cipher, &xor(rand, opc));
    // OUTn = E_K(rot(TEMP ⊕ OPc, rn) ⊕ cn) ⊕ OPc; r2 to r4 are 0, 32 and 64 bits, c2 to c4 end in 1, 2 and 4.
    let out = |rotated_bytes: usize, constant: u8| {
        let mut block = xor(&temp, opc);
        block.rotate_left(rotated_bytes);
        if let Some(last) = block.last_mut() {
            *last ^= constant;
        }
        xor(&encrypt(&cipher, &block), opc)
    };
    let mut res = Zeroizing::new([0; 8]);
    res.iter_mut().zip(out(0, 1).iter().skip(8)).for_each(|(to, from)| *to = *from);
    Outputs { res, ck: out(4, 2), ik: out(8, 4) }
}

fn xor(one: &[u8; 16], other: &[u8; 16]) -> Block {
    let mut block = Zeroizing::new(*one);
    block.iter_mut().zip(other).for_each(|(to, with)| *to ^= with);
    block
}

fn encrypt(cipher: &Aes128, block: &[u8; 16]) -> Block {
    let mut out = Zeroizing::new([0; 16]);
    cipher.encrypt_block_b2b(block.into(), (&mut *out).into());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let byte = |index: usize| u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).unwrap();
        std::array::from_fn(byte)
    }

    /// 3GPP TS 35.208 §4.3: K, RAND, OP; OPc, f2, f3, f4.
    const SETS: [[&str; 7]; 5] = [
        [
            "465b5ce8b199b49faa5f0a2ee238a6bc",
            "23553cbe9637a89d218ae64dae47bf35",
            "cdc202d5123e20f62b6d676ac72cb318",
            "cd63cb71954a9f4e48a5994e37a02baf",
            "a54211d5e3ba50bf",
            "b40ba9a3c58b2a05bbf0d987b21bf8cb",
            "f769bcd751044604127672711c6d3441",
        ],
        [
            "fec86ba6eb707ed08905757b1bb44b8f",
            "9f7c8d021accf4db213ccff0c7f71a6a",
            "dbc59adcb6f9a0ef735477b7fadf8374",
            "1006020f0a478bf6b699f15c062e42b3",
            "8011c48c0c214ed2",
            "5dbdbb2954e8f3cde665b046179a5098",
            "59a92d3b476a0443487055cf88b2307b",
        ],
        [
            "9e5944aea94b81165c82fbf9f32db751",
            "ce83dbc54ac0274a157c17f80d017bd6",
            "223014c5806694c007ca1eeef57f004f",
            "a64a507ae1a2a98bb88eb4210135dc87",
            "f365cd683cd92e96",
            "e203edb3971574f5a94b0d61b816345d",
            "0c4524adeac041c4dd830d20854fc46b",
        ],
        [
            "4ab1deb05ca6ceb051fc98e77d026a84",
            "74b0cd6031a1c8339b2b6ce2b8c4a186",
            "2d16c5cd1fdf6b22383584e3bef2a8d8",
            "dcf07cbd51855290b92a07a9891e523e",
            "5860fc1bce351e7e",
            "7657766b373d1c2138f307e3de9242f9",
            "1c42e960d89b8fa99f2744e0708ccb53",
        ],
        // OP of the sixth set is not needed where OPc is given.
        [
            "6c38a116ac280c454f59332ee35c8c4f",
            "ee6466bc96202c5a557abbeff8babf63",
            "",
            "3803ef5363b947c6aaa225e58fae3934",
            "16c8233f",
            "",
            "",
        ],
    ];

    #[test]
    fn the_test_sets_of_ts_35_208_come_out() {
        for [key, rand, op, opc_text, res, ck, ik] in SETS {
            let (key, opc_given) = (hex::<16>(key), hex::<16>(opc_text));
            if !op.is_empty() {
                assert_eq!(*opc(&key, &hex(op)), opc_given);
            }
            let outputs = outputs(&key, &opc_given, &hex(rand));
            assert!(outputs.res.iter().map(|byte| format!("{byte:02x}")).collect::<String>().starts_with(res), "{res}");
            if !ck.is_empty() {
                assert_eq!((*outputs.ck, *outputs.ik), (hex(ck), hex(ik)));
            }
        }
    }
}
