//! Pictures that move, as GIF or as PNG (APNG); they begin again at their end.

use std::time::Duration;

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, DynamicImage, Frame, RgbImage};
use png::{BitDepth, ColorType, Encoder};

use crate::error::{Error, Result};

/// Hundredths of a second that a frame stays.
const DELAY: u16 = 8;
/// How coarsely colours are chosen where a frame of a GIF has more than 256, 1 to 30.
const COARSENESS: i32 = 10;

fn cannot(error: impl std::fmt::Display) -> Error {
    Error::failure(format!("cannot make the moving picture: {error}"))
}

/// The bytes of a GIF with these frames, all of one size.
///
/// # Errors
/// Frames that are errors or too large for the format.
pub fn gif(frames: impl IntoIterator<Item = Result<RgbImage>>) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, COARSENESS);
    encoder.set_repeat(Repeat::Infinite).map_err(cannot)?;
    for frame in frames {
        let picture = DynamicImage::ImageRgb8(frame?).into_rgba8();
        let delay = Delay::from_saturating_duration(Duration::from_millis(10 * u64::from(DELAY)));
        encoder.encode_frame(Frame::from_parts(picture, 0, 0, delay)).map_err(cannot)?;
    }
    drop(encoder);
    Ok(bytes)
}

/// The bytes of an animated PNG with these frames, all of one size; viewers that know none show the first.
///
/// # Errors
/// No frames, frames that are errors or of different sizes.
pub fn apng(mut frames: impl ExactSizeIterator<Item = Result<RgbImage>>) -> Result<Vec<u8>> {
    let count = frames.len() as u32;
    let first = frames.next().ok_or_else(|| Error::failure("a moving picture has one frame at least"))??;
    let mut bytes = vec![];
    let mut encoder = Encoder::new(&mut bytes, first.width(), first.height());
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_animated(count, 0).map_err(cannot)?;
    encoder.set_frame_delay(DELAY, 100).map_err(cannot)?;
    let mut writer = encoder.write_header().map_err(cannot)?;
    writer.write_image_data(first.as_raw()).map_err(cannot)?;
    for frame in frames {
        writer.write_image_data(frame?.as_raw()).map_err(cannot)?;
    }
    writer.finish().map_err(cannot)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::codecs::{gif::GifDecoder, png::PngDecoder};
    use image::{AnimationDecoder, Rgb};

    use super::*;

    #[test]
    fn frames_come_back_in_order() {
        let frames = || [0, 90, 200].map(|level| Ok(RgbImage::from_pixel(6, 4, Rgb([level; 3])))).into_iter();
        let levels = |frames: image::Frames| -> Vec<u8> {
            frames.map(|frame| frame.unwrap().into_buffer().get_pixel(3, 2).0[0]).collect()
        };
        let gif = gif(frames()).unwrap();
        assert_eq!(levels(GifDecoder::new(Cursor::new(&gif)).unwrap().into_frames()), [0, 90, 200]);
        let apng = apng(frames()).unwrap();
        let decoder = PngDecoder::new(Cursor::new(&apng)).unwrap();
        assert_eq!(levels(decoder.apng().unwrap().into_frames()), [0, 90, 200]);
        assert!(super::apng([].into_iter()).is_err());
    }
}
