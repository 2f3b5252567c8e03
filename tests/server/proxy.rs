//! Behind a proxy that ends TLS: the public address is https, the server speaks plain HTTP, and signatures are over the public one.

use reqwest::Method;
use serde_json::{Value, json};

use crate::house::{AUTH_TOKEN, House, PHONE, QUICK, caller, sign, within};
use crate::wire::{Wire, call_sid, ringing, voice};

const PUBLIC: &str = "https://voice.example.in";

async fn behind_a_proxy() -> House {
    House::with(|plan| {
        plan.set("PUBLIC_URL", PUBLIC);
        plan.words(["English", "two pm to five pm"]);
    })
    .await
}

#[tokio::test]
async fn signatures_hold_over_the_public_address_for_posts_and_the_socket() {
    let house = behind_a_proxy().await;
    for mode in ["gather", "stream"] {
        let (report, document) =
            house.call(mode, json!({}), caller(&["English", "five_hundred_rupees", "two pm to five pm"])).await;
        assert_eq!(document["stage"], "completed", "{mode}: {report:#?}");
        assert_eq!(
            (document["mode"].as_str(), report.streams),
            (Some(mode), u32::from(mode == "stream")),
            "{:#?}",
            report.notes
        );
        assert!(
            report
                .webhooks
                .iter()
                .filter(|webhook| !webhook.url.contains("/audio/"))
                .all(|webhook| webhook.url.starts_with(PUBLIC))
        );
    }
}

#[tokio::test]
async fn signatures_hold_over_the_query_of_a_get() {
    let house = behind_a_proxy().await;
    let sid = call_sid(1);
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(ringing(&sid)).finish();
    let target = format!("/voice?agent_type={QUICK}&mode=gather&{query}");
    let get = async |signature: String| {
        let request = house
            .anybody(Method::GET, &target)
            .header("Host", "voice.example.in")
            .header("X-Twilio-Signature", signature);
        let answer = within(request.send()).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, _) = get(sign(AUTH_TOKEN, &format!("http://{}{target}", house.at), &[])).await;
    assert_eq!((status, house.switchboard_calls().await), (403, 0));
    let (status, twiml) = get(sign(AUTH_TOKEN, &format!("{PUBLIC}{target}"), &[])).await;
    assert!(status == 200 && twiml.contains("<Gather"), "{status} {twiml}");
    assert_eq!(house.document(&sid).await["phone"], PHONE);
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_nothing_happens() {
    let house = behind_a_proxy().await;
    let sid = call_sid(1);
    let target = format!("/voice?agent_type={QUICK}");
    let params = ringing(&sid);
    let good = sign(AUTH_TOKEN, &format!("{PUBLIC}{target}"), &params);
    let wrong = [
        None,
        Some(String::new()),
        Some("nonsense".to_owned()),
        Some(sign("another token", &format!("{PUBLIC}{target}"), &params)),
        Some(sign(AUTH_TOKEN, &format!("http://{}{target}", house.at), &params)),
        Some(sign(AUTH_TOKEN, &format!("{PUBLIC}/voice?agent_type=OTHER"), &params)),
        Some(sign(AUTH_TOKEN, &format!("{PUBLIC}{target}"), &params[1..])),
        Some(good.to_lowercase()),
    ];
    let routes = [
        "/voice?agent_type=QUICK",
        "/process-response",
        "/stream-ended",
        "/call-status",
        "/stream-status",
        "/transfer-ended",
    ];
    for signature in wrong {
        for route in routes {
            let mut request = house.anybody(Method::POST, route).form(&params).header("Host", "voice.example.in");
            if let Some(signature) = &signature {
                request = request.header("X-Twilio-Signature", signature);
            }
            // What a proxy in front may add must not open anything.
            request = request.header("X-Forwarded-For", "127.0.0.1").header("X-Forwarded-Host", "localhost");
            let answer = within(request.send()).await.unwrap();
            assert_eq!(answer.status().as_u16(), 403, "{route} {signature:?}");
            let problem: Value = answer.json().await.unwrap();
            assert!(problem["detail"].is_string() && !problem.to_string().contains(AUTH_TOKEN), "{problem}");
        }
    }
    assert_eq!(house.switchboard_calls().await, 0);
    assert_eq!(house.developer(Method::GET, &format!("/api/calls/{sid}")).send().await.unwrap().status().as_u16(), 404);

    // The socket: without its own signature it is not even opened.
    let token = voice(&house, &sid, "").await;
    let socket = "wss://voice.example.in/media-stream";
    let refused = [
        None,
        Some(good),
        Some(sign(AUTH_TOKEN, "https://voice.example.in/media-stream", &[])),
        Some(sign(AUTH_TOKEN, &format!("ws://{}/media-stream", house.at), &[])),
        Some(sign("x", socket, &[])),
    ];
    for (n, signature) in refused.iter().enumerate() {
        // Twilio's validators accept any scheme of an address; ours may too, but no other host and no other token.
        let refusal = Wire::open_signed(&house, signature.as_deref()).await.err();
        assert!(refusal == Some(403) || n == 2, "{n}: {refusal:?}");
    }
    let mut wire = Wire::open_signed(&house, Some(&sign(AUTH_TOKEN, socket, &[]))).await.unwrap();
    wire.start(&sid, Some(&token)).await;
    while wire.moment(&crate::wire::SILENCE).await.played.is_empty() {}
}
