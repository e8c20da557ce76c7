//! ejabberd: chat messages to a full address, or a MUC room. The sender of a chat asks for an
//! acknowledgement of each message (XEP-0198); in a room it gets its own message back.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::io::AsyncWriteExt as _;

use super::{Place, Socket};

const OPEN: &str = "<stream:stream xmlns='jabber:client' to='localhost' version='1.0' \
                    xmlns:stream='http://etherx.jabber.org/streams'>";
const BIND: &str = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                    <resource>r</resource></bind></iq>";
const ENABLE: &str = "<enable xmlns='urn:xmpp:sm:3'/>";
const REQUEST: &str = "<r xmlns='urn:xmpp:sm:3'/>";

/// As Debian's `ejabberdctl` does, without a node name: nothing else is started.
pub(super) fn command(address: SocketAddr, folder: &Path) -> Result<Command> {
    let config = folder.join("ejabberd.yml");
    fs::write(&config, settings(address))?;
    let libraries = fs::read_dir("/usr/lib")?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| holds_ejabberd(path))
        .context("the library of ejabberd is nowhere below /usr/lib")?;
    let mut command = Command::new("erl");
    command
        .args(["-noinput", "+K", "true", "-mnesia", "dir"])
        .arg(format!("\"{}\"", folder.join("mnesia").display()))
        .args(["-s", "ejabberd"])
        .env("ERL_LIBS", libraries)
        .env("EJABBERD_CONFIG_PATH", config)
        .env("EJABBERD_LOG_PATH", folder.join("ejabberd.log"))
        .env("HOME", folder);
    Ok(command)
}

fn holds_ejabberd(path: &Path) -> bool {
    let entries = fs::read_dir(path).into_iter().flatten();
    entries.filter_map(Result::ok).any(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("ejabberd-")
    })
}

/// Any name may log in, nothing is shaped, nothing is kept.
fn settings(address: SocketAddr) -> String {
    format!(
        "hosts: [localhost]
loglevel: error
auth_method: [anonymous]
anonymous_protocol: login_anon
allow_multiple_connections: true
listen:
  - port: {}
    ip: \"{}\"
    module: ejabberd_c2s
    access: all
    max_stanza_size: 262144
modules:
  mod_stream_mgmt: {{}}
  mod_muc:
    access: all
    access_create: all
    max_users: 1000
    max_users_presence: 0
    min_message_interval: 0
    history_size: 0
",
        address.port(),
        address.ip()
    )
}

#[derive(Debug)]
pub(crate) struct Seat {
    socket: Socket,
    at: Place,
    body: String,
    confirmed: usize,
}

impl Seat {
    pub(super) async fn take(mut socket: Socket, at: Place, bytes: usize) -> Result<Self> {
        let name = name(at);
        let plain = BASE64_STANDARD.encode(format!("\0{name}\0x"));
        let auth = format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
        );
        say(&mut socket, OPEN, "</stream:features>").await?;
        say(&mut socket, &auth, "<success").await?;
        say(&mut socket, OPEN, "</stream:features>").await?;
        say(&mut socket, BIND, "</iq>").await?;
        if at.group {
            let join = format!(
                "<presence to='room{}@conference.localhost/{name}'>\
                 <x xmlns='http://jabber.org/protocol/muc'/></presence>",
                at.room
            );
            say(&mut socket, &join, "<subject/></message>").await?;
        } else if at.seat == 0 {
            say(&mut socket, ENABLE, "<enabled").await?;
        } else {
            say(&mut socket, "<presence/>", "<presence").await?;
        }
        Ok(Self {
            socket,
            at,
            body: BASE64_STANDARD.encode(vec![0x5A; bytes]),
            confirmed: 0,
        })
    }

    pub(super) async fn submit(&mut self, number: usize) -> Result<()> {
        if number == 0 {
            self.confirmed = 0;
        }
        let room = self.at.room;
        let (to, kind, request) = if self.at.group {
            (format!("room{room}@conference.localhost"), "groupchat", "")
        } else {
            let receiver = name(Place { seat: 1, ..self.at });
            (format!("{receiver}@localhost/r"), "chat", REQUEST)
        };
        let body = &self.body;
        let stanza = format!(
            "<message to='{to}' type='{kind}' id='{number}'><body>{body}</body></message>{request}"
        );
        Ok(self.socket.stream.write_all(stanza.as_bytes()).await?)
    }

    pub(super) async fn arrived(&mut self) -> Result<usize> {
        let confirms = self.at.seat == 0 && !self.at.group;
        loop {
            let taken = if confirms {
                self.confirmation()
            } else {
                self.message()?
            };
            match taken {
                Some(number) => return Ok(number),
                None => self.socket.more().await?,
            }
        }
    }

    fn confirmation(&mut self) -> Option<usize> {
        let start = self.socket.after(0, b"<a ")?;
        let end = self.socket.after(start, b"/>")?;
        self.socket.read.drain(..end);
        self.confirmed += 1;
        Some(self.confirmed - 1)
    }

    fn message(&mut self) -> Result<Option<usize>> {
        let Some(start) = self.socket.after(0, b"<message ") else {
            return Ok(None);
        };
        let Some(end) = self.socket.after(start, b"</message>") else {
            return Ok(None);
        };
        let stanza = self.socket.read.get(start..end).context("a stanza")?;
        let stanza = std::str::from_utf8(stanza)?;
        let (_, id) = stanza.split_once(" id='").context("a message without id")?;
        let (id, _) = id.split_once('\'').context("an open id")?;
        let number = id
            .parse()
            .with_context(|| format!("ejabberd said {stanza}"))?;
        anyhow::ensure!(stanza.contains(&self.body), "message {number} came damaged");
        self.socket.read.drain(..end);
        Ok(Some(number))
    }
}

fn name(at: Place) -> String {
    format!("u{}-{}", at.room, at.seat)
}

async fn say(socket: &mut Socket, text: &str, answer: &str) -> Result<()> {
    socket.stream.write_all(text.as_bytes()).await?;
    socket.expect(answer).await
}
