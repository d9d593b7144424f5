import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.Type;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.springframework.messaging.converter.MappingJackson2MessageConverter;
import org.springframework.messaging.simp.stomp.StompCommand;
import org.springframework.messaging.simp.stomp.StompFrameHandler;
import org.springframework.messaging.simp.stomp.StompHeaders;
import org.springframework.messaging.simp.stomp.StompSession;
import org.springframework.messaging.simp.stomp.StompSessionHandlerAdapter;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.springframework.web.socket.WebSocketHttpHeaders;
import org.springframework.web.socket.client.standard.StandardWebSocketClient;
import org.springframework.web.socket.messaging.WebSocketStompClient;

/**
 * One side of a conversation: sends CHAT_SEND messages and prints those that it sees, one JSON line each, until there are CHAT_EXPECT.
 * Any other end is exit code 1.
 */
public final class SpringClient {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final ObjectMapper JSON = new ObjectMapper();

    /** What was received, or why nothing more will be. */
    private final BlockingQueue<Object> received = new LinkedBlockingQueue<>();

    public static void main(String[] arguments) {
        int status = 1;
        SpringClient client = new SpringClient();
        try {
            client.converse();
            status = 0;
        } catch (Exception problem) {
            problem.printStackTrace();
            System.err.println("received until then: " + client.received);
        }
        // Threads of the WebSocket container would keep the process.
        System.exit(status);
    }

    private void converse() throws Exception {
        String room = System.getenv("CHAT_ROOM");
        StompSession session = connect();
        session.setAutoReceipt(true);
        StompHeaders timeline = new StompHeaders();
        timeline.setDestination("/sub/chat/room/" + room);
        // 1 is the entry that created the room.
        timeline.set("after", "1");
        session.subscribe(timeline, new Timeline());
        for (int turn = 0; turn < Integer.parseInt(System.getenv("CHAT_SEND")); turn++) {
            say(session, Map.of(
                "roomId", room, "content", "spring " + turn, "clientMessageId", UUID.randomUUID().toString(), "type", "TEXT"));
        }
        for (int missing = Integer.parseInt(System.getenv("CHAT_EXPECT")); missing > 0; missing--) {
            print(received.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS));
        }
        session.disconnect();
    }

    private StompSession connect() throws Exception {
        WebSocketStompClient client = new WebSocketStompClient(new StandardWebSocketClient());
        client.setMessageConverter(new MappingJackson2MessageConverter());
        ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler();
        scheduler.initialize();
        // For heart-beats and for receipts that do not come.
        client.setTaskScheduler(scheduler);
        StompHeaders login = new StompHeaders();
        login.set("Authorization", "Bearer " + System.getenv("CHAT_TOKEN"));
        return client.connectAsync(System.getenv("CHAT_URL"), new WebSocketHttpHeaders(), login, new Errors())
            .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    }

    /** Sends a message and waits for its RECEIPT. */
    private static void say(StompSession session, Map<String, String> message) throws Exception {
        CountDownLatch accepted = new CountDownLatch(1);
        StompHeaders headers = new StompHeaders();
        headers.setDestination("/pub/chat/message");
        session.send(headers, message).addReceiptTask(accepted::countDown);
        if (!accepted.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
            throw new IllegalStateException("no RECEIPT for " + message);
        }
    }

    private static void print(Object item) throws Exception {
        if (!(item instanceof Map<?, ?> message)) {
            throw new IllegalStateException(item == null ? "messages are missing" : item.toString());
        }
        Map<String, Object> line = new LinkedHashMap<>();
        for (String name : new String[] {"seq", "senderId", "content"}) {
            line.put(name, message.get(name));
        }
        System.out.println(JSON.writeValueAsString(line));
    }

    private final class Timeline implements StompFrameHandler {
        @Override
        public Type getPayloadType(StompHeaders headers) {
            return Map.class;
        }

        @Override
        public void handleFrame(StompHeaders headers, Object payload) {
            String seq = String.valueOf(((Map<?, ?>) payload).get("seq"));
            boolean agrees = seq.equals(headers.getFirst("seq")) && "message".equals(headers.getFirst("event"));
            received.add(agrees ? payload : "headers " + headers + " do not agree with " + payload);
        }
    }

    private final class Errors extends StompSessionHandlerAdapter {
        @Override
        public void handleFrame(StompHeaders headers, Object payload) {
            received.add("ERROR " + headers);
        }

        @Override
        public void handleException(StompSession session, StompCommand command, StompHeaders headers, byte[] body, Throwable problem) {
            received.add("broken frame: " + problem);
        }

        @Override
        public void handleTransportError(StompSession session, Throwable problem) {
            received.add("connection: " + problem);
        }
    }
}
