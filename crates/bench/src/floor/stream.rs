//! The floor of a drain: a file for each user, read from the disk and written to a socket.

use std::{fs::File, io::Read as _, net::SocketAddr, path::Path};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::announce;

const CHUNK: usize = 64 << 10;

/// Serves for ever: a socket says a number and gets the file of this name.
pub(crate) async fn serve(folder: &Path) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(&listener)?;
    let mut tasks = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let folder = folder.to_owned();
        tasks.spawn(async move { send(stream, &folder).await });
        while tasks.try_join_next().is_some() {}
    }
}

async fn send(mut stream: TcpStream, folder: &Path) -> Result<()> {
    let number = stream.read_u32().await?;
    let mut file = File::open(folder.join(number.to_string()))?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        stream
            .write_all(chunk.get(..read).unwrap_or_default())
            .await?;
    }
}

/// Reads the files of all numbers, all at once; bytes that came.
pub(crate) async fn read_all(address: SocketAddr, files: usize) -> Result<usize> {
    let mut readers = JoinSet::new();
    for number in 0..files {
        readers.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_u32(u32::try_from(number)?).await?;
            let (mut chunk, mut all) = (vec![0; CHUNK], 0);
            loop {
                match stream.read(&mut chunk).await? {
                    0 => return anyhow::Ok(all),
                    read => all += read,
                }
            }
        });
    }
    let mut all = 0;
    while let Some(read) = readers.join_next().await {
        all += read??;
    }
    Ok(all)
}
