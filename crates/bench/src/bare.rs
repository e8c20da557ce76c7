//! Programs that drive one engine with nothing around it. They are the adapters' own, for an adapter
//! alone names its engine; a frame goes in by the standard input and comes out of the
//! standard output when the engine has done its work.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    path::PathBuf,
    process::{ChildStdin, Command},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    frames,
    link::SILENCE,
    load::{Endpoint, Seats},
    process::Process,
};

const FILL: u8 = 0x5A;
/// Of a body: its room, and its number.
const FRONT: usize = 12;

/// One of them, running. Its seats end with it.
#[derive(Debug)]
pub(crate) struct Bare {
    pub(crate) process: Process,
}

/// Where the adapters' programs are: built beside this one.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    anyhow::ensure!(
        path.exists(),
        "{} is not there: make bench-engines builds it",
        path.display()
    );
    Ok(path)
}

impl Bare {
    /// Starts one, with rooms of two for bodies of `bytes`.
    pub(crate) fn start(
        command: &mut Command,
        (rooms, bytes): (usize, usize),
    ) -> Result<(Self, Vec<Seats<BareSeat>>)> {
        let mut process = Process::fed(command)?;
        let input = process.0.stdin.take().context("no pipe")?;
        let input = Arc::new(Mutex::new(input));
        let mut output = BufReader::new(process.0.stdout.take().context("no pipe")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        anyhow::ensure!(line == "ready\n", "it did not start");
        let (mut all, mut to) = (Vec::new(), Vec::new());
        for room in 0..rooms {
            let mut body = u32::try_from(room)?.to_be_bytes().to_vec();
            body.resize(bytes.max(FRONT), FILL);
            let mut seats = Vec::new();
            let mut to_both = Vec::new();
            for _ in 0..2 {
                let (to_seat, come) = unbounded_channel();
                to_both.push(to_seat);
                seats.push(BareSeat {
                    body: body.clone(),
                    input: Arc::clone(&input),
                    come,
                });
            }
            all.push(seats);
            to.push(to_both);
        }
        std::thread::spawn(move || hand_out(output, &to, bytes.max(FRONT)));
        Ok((Self { process }, all))
    }
}

/// Until the program ends, or gives back something else than was put in: the seats see it.
fn hand_out(mut output: impl Read, to: &[Vec<UnboundedSender<usize>>], bytes: usize) -> Option<()> {
    let mut length = [0; 4];
    loop {
        output.read_exact(&mut length).ok()?;
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        output.read_exact(&mut body).ok()?;
        let (front, rest) = body.split_at_checked(FRONT)?;
        let (room, number) = front.split_first_chunk()?;
        let room = usize::try_from(u32::from_be_bytes(*room)).ok()?;
        let number = usize::try_from(u64::from_be_bytes(number.try_into().ok()?)).ok()?;
        if body.len() != bytes || rest.iter().any(|byte| *byte != FILL) {
            return None;
        }
        for seat in to.get(room)? {
            seat.send(number).ok()?;
        }
    }
}

/// One end of a room.
#[derive(Debug)]
pub(crate) struct BareSeat {
    body: Vec<u8>,
    input: Arc<Mutex<ChildStdin>>,
    come: UnboundedReceiver<usize>,
}

impl Endpoint for BareSeat {
    async fn submit(&mut self, number: usize) -> Result<()> {
        let at = self.body.get_mut(4..FRONT).context("a short body")?;
        at.copy_from_slice(&u64::try_from(number)?.to_be_bytes());
        // The program reads whatever else it does: a full pipe is soon empty.
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        input.write_all(&frames::framed(&self.body))?;
        Ok(())
    }

    async fn arrived(&mut self) -> Result<usize> {
        let come = tokio::time::timeout(SILENCE, self.come.recv()).await;
        come.context("the engine's program says nothing")?
            .context("the engine's program has ended, or gave back other bytes")
    }

    /// An engine has no cursors.
    async fn acknowledge(&mut self) -> Result<()> {
        Ok(())
    }
}
