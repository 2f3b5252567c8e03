//! Valid MP3 of the right length that holds silence: constant bit rate, one channel, and the text in an ID3v2.4 title, so that a far
//! end can read what was to be heard. Not an encoder.

/// A format such as `mp3_44100_128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mp3 {
    rate: u32,
    kbps: u32,
}

impl Mp3 {
    /// Reads ElevenLabs' name of a format; none where it is no MP3 or no legal pair of rates.
    pub(super) fn parse(format: &str) -> Option<Self> {
        let (rate, kbps) = format.strip_prefix("mp3_")?.split_once('_')?;
        let mp3 = Self { rate: rate.parse().ok()?, kbps: kbps.parse().ok()? };
        mp3.header().map(|_| mp3)
    }

    /// So much silence, with the text as its title.
    pub(super) fn silence(self, ms: u64, title: &str) -> Vec<u8> {
        let mut out = id3(title);
        let Some(header) = self.header() else {
            return out;
        };
        let per_frame = u64::from(self.samples_per_frame());
        let frames = (ms * u64::from(self.rate)).div_ceil(1_000 * per_frame).max(1);
        let length = (self.samples_per_frame() / 8 * self.kbps * 1_000 / self.rate) as usize;
        for _ in 0..frames {
            let start = out.len();
            out.extend_from_slice(&header);
            // Side information of zeros: no bits of main data, so every line of the spectrum is zero.
            out.resize(start + length, 0);
        }
        out
    }

    fn samples_per_frame(self) -> u32 {
        if self.rate >= 32_000 { 1_152 } else { 576 }
    }

    /// Sync, version, layer III, no CRC, bit rate, sample rate, no padding, mono.
    fn header(self) -> Option<[u8; 4]> {
        let (version, rate, rates): (u8, u8, &[u32]) = match self.rate {
            44_100 => (0xFB, 0, &MPEG1_KBPS),
            48_000 => (0xFB, 1, &MPEG1_KBPS),
            32_000 => (0xFB, 2, &MPEG1_KBPS),
            22_050 => (0xF3, 0, &MPEG2_KBPS),
            24_000 => (0xF3, 1, &MPEG2_KBPS),
            16_000 => (0xF3, 2, &MPEG2_KBPS),
            _ => return None,
        };
        let bit_rate = rates.iter().position(|&kbps| kbps == self.kbps)? as u8 + 1;
        Some([0xFF, version, bit_rate << 4 | rate << 2, 0xC0])
    }
}

const MPEG1_KBPS: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const MPEG2_KBPS: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

fn id3(title: &str) -> Vec<u8> {
    let body = 1 + title.len();
    let mut out = b"ID3\x04\x00\x00".to_vec();
    out.extend(synchsafe(10 + body));
    out.extend(b"TIT2");
    out.extend(synchsafe(body));
    out.extend([0, 0, 3]);
    out.extend(title.as_bytes());
    out
}

fn synchsafe(n: usize) -> [u8; 4] {
    [(n >> 21) as u8 & 0x7F, (n >> 14) as u8 & 0x7F, (n >> 7) as u8 & 0x7F, n as u8 & 0x7F]
}
