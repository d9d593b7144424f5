//! The proof that what was accepted is not lost: somebody who never repeats a send.

use std::{sync::Arc, time::Duration};

use chat_client::{Connection, RestClient, ws_url};
use chat_protocol::{ClientMessageId, RoomId};
use chat_store::Store;
use chat_testkit::assert_eventually;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{PATIENCE, Person, Talk, person::create_person};

/// Between two sends, and between two tries to connect.
const PAUSE: Duration = Duration::from_millis(20);

/// Sends until it is asked, every message once.
#[derive(Debug)]
pub struct Witness {
    person: Person,
    room: RoomId,
    store: Store,
    stop: CancellationToken,
    accepted: JoinHandle<Vec<ClientMessageId>>,
}

impl Witness {
    /// Starts sending at a gateway (`http://…`), in a room of its own.
    pub async fn start(store: &Store, address: &str) -> Self {
        let person = create_person(store, "witness").await;
        let rest = RestClient::new(address).expect("an address").with_token(&person.token);
        let room = rest.create_group_room("witness", &[]).await.expect("a room");
        let stop = CancellationToken::new();
        let accepted = tokio::spawn(send(Arc::from(ws_url(address)), person.clone(), room, stop.clone()));
        Self { person, room, store: store.clone(), stop, accepted }
    }

    /// Stops sending; every message that was accepted is in the database. How many there were.
    pub async fn ask(self) -> usize {
        self.stop.cancel();
        let accepted = self.accepted.await.expect("the sending task");
        for id in &accepted {
            assert_eventually!(
                matches!(self.store.by_client_message_id(self.room, self.person.id, id).await, Ok(Some(_))),
                within = PATIENCE,
                "accepted, then lost: {id}"
            );
        }
        accepted.len()
    }
}

async fn send(url: Arc<str>, person: Person, room: RoomId, stop: CancellationToken) -> Vec<ClientMessageId> {
    let mut accepted = Vec::new();
    while !stop.is_cancelled() {
        if let Ok((connection, _)) = Connection::connect(&url, &person.token, Vec::new()).await {
            while !stop.is_cancelled() {
                let id = ClientMessageId::generate();
                match connection.say_as(room, &id, "for the record").await {
                    Ok(_) => accepted.push(id),
                    Err(chat_client::connection::CallError::Closed(_)) => break,
                    // Not accepted: nothing is promised.
                    Err(_) => {}
                }
                sleep(PAUSE).await;
            }
        }
        sleep(PAUSE).await;
    }
    accepted
}
