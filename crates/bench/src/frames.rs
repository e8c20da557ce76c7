//! Length-prefixed frames of the floor programs: four bytes, big-endian, then the body.

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A frame with its length in front.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [length.to_be_bytes().as_slice(), body].concat()
}

/// Reads one frame's body; an error when the stream has ended.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    anyhow::ensure!(length <= 1 << 20, "a frame of {length} bytes");
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).await?;
    Ok(body)
}
