//! Sockets that have not logged in: a bounded number. Where one comes that is too many, the
//! address that holds most of them loses its oldest.
//!
//! So one address cannot lock out another, however many sockets it opens: it only displaces its
//! own. Against many addresses the newest socket always gets in, and has as long to log in as it
//! takes the others to open as many sockets as there are seats. Behind a proxy, where all come from
//! one address, only the second holds. Nothing that a peer says of itself is believed.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// An address as one peer: of IPv6 the first 64 bits, which is what a single host is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Peer(IpAddr);

impl Peer {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            v4 @ IpAddr::V4(_) => Self(v4),
            IpAddr::V6(v6) => {
                let network = Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64));
                Self(IpAddr::V6(network))
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct Lobby {
    seats: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By peer and by number, which grows with every arrival.
    peers: HashMap<Peer, BTreeMap<u64, CancellationToken>>,
    taken: usize,
    next: u64,
}

/// The place of one socket, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    lobby: Arc<Lobby>,
    peer: Peer,
    number: u64,
    displaced: CancellationToken,
}

impl Lobby {
    pub(crate) fn new(seats: usize) -> Self {
        Self {
            seats,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Always gives a seat; may displace another.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Seat {
        let peer = Peer::of(address);
        let displaced = CancellationToken::new();
        let mut state = self.lock();
        let number = state.next;
        state.next = state.next.wrapping_add(1);
        let seats = state.peers.entry(peer).or_default();
        seats.insert(number, displaced.clone());
        state.taken = state.taken.saturating_add(1);
        if state.taken > self.seats {
            state.displace();
        }
        drop(state);
        Seat {
            lobby: Arc::clone(self),
            peer,
            number,
            displaced,
        }
    }
}

impl State {
    /// The oldest socket of the peer that has most; among equals, the oldest of all.
    fn displace(&mut self) {
        let most = self
            .peers
            .iter()
            .filter_map(|(peer, seats)| {
                let oldest = *seats.keys().next()?;
                Some((seats.len(), Reverse(oldest), *peer))
            })
            .max_by_key(|(count, oldest, _)| (*count, *oldest));
        if let Some((_, Reverse(oldest), peer)) = most
            && let Some(displaced) = self.remove(peer, oldest)
        {
            displaced.cancel();
        }
    }

    fn remove(&mut self, peer: Peer, number: u64) -> Option<CancellationToken> {
        let seats = self.peers.get_mut(&peer)?;
        let token = seats.remove(&number)?;
        if seats.is_empty() {
            self.peers.remove(&peer);
        }
        self.taken = self.taken.saturating_sub(1);
        Some(token)
    }
}

impl Seat {
    /// Returns when the socket has to make room for another.
    pub(crate) async fn displaced(&self) {
        self.displaced.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lobby.lock().remove(self.peer, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(lobby: &Arc<Lobby>, address: &str) -> Seat {
        lobby.enter(address.parse().unwrap())
    }

    fn left(seats: &[Seat]) -> usize {
        let left = seats.iter().filter(|seat| !seat.displaced.is_cancelled());
        left.count()
    }

    #[test]
    fn one_address_with_ever_more_sockets_displaces_only_its_own() {
        let lobby = Arc::new(Lobby::new(8));
        let quiet = [enter(&lobby, "192.0.2.1"), enter(&lobby, "192.0.2.2")];
        let flood: Vec<Seat> = (0..1_000).map(|_| enter(&lobby, "198.51.100.9")).collect();
        assert_eq!((left(&quiet), left(&flood)), (2, 6));
        assert_eq!(left(&flood[994..]), 6, "the newest stay");
        let late = enter(&lobby, "192.0.2.3");
        assert!(!late.displaced.is_cancelled());
        assert_eq!((left(&quiet), left(&flood)), (2, 5));
    }

    #[test]
    fn hosts_of_one_ipv6_network_are_one_peer() {
        let lobby = Arc::new(Lobby::new(8));
        let quiet = enter(&lobby, "2001:db8:0:1::1");
        let flood: Vec<Seat> = (0..1_000)
            .map(|n| enter(&lobby, &format!("2001:db8:0:2::{n:x}")))
            .collect();
        assert!(!quiet.displaced.is_cancelled());
        assert_eq!(left(&flood), 7);
        assert_eq!(
            Peer::of("::ffff:192.0.2.1".parse().unwrap()),
            Peer::of("192.0.2.1".parse().unwrap()),
        );
    }

    #[test]
    fn among_many_addresses_the_newest_gets_in_and_the_oldest_goes() {
        let lobby = Arc::new(Lobby::new(8));
        let seats: Vec<Seat> = (0..100)
            .map(|n| enter(&lobby, &format!("192.0.2.{n}")))
            .collect();
        assert_eq!((left(&seats[..92]), left(&seats[92..])), (0, 8));
    }

    #[test]
    fn a_seat_that_is_given_back_is_free_again() {
        let lobby = Arc::new(Lobby::new(2));
        let first = enter(&lobby, "192.0.2.1");
        drop(enter(&lobby, "192.0.2.1"));
        let second = enter(&lobby, "192.0.2.1");
        assert!(!first.displaced.is_cancelled());
        let third = enter(&lobby, "192.0.2.1");
        assert!(first.displaced.is_cancelled());
        drop((first, second, third));
        assert!(lobby.lock().peers.is_empty());
        assert_eq!(lobby.lock().taken, 0);
    }
}
