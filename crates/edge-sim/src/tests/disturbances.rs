//! Faults, seen from outside.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::client::call;
use super::deployments::until;
use super::packages::sample;
use super::{INSTANCE, TENANT, World, instantiate, token};
use crate::{Fault, Operation, SimConfig, Simulator, When};

#[tokio::test]
async fn it_fails_before_it_acts() {
    let world = World::start().await;
    let refusal = Fault::Answer {
        status: 503,
        text: "try again".to_owned(),
    };
    world.edge.fault(Operation::Instantiate, refusal, When::Next(1));
    assert_eq!(
        world.instantiate(INSTANCE).await.error(),
        (503, "try again".to_owned())
    );
    assert!(world.sim.totals().is_empty());
    assert_eq!(world.edge.counts().uploads, 1, "the upload arrived, nothing more");
    assert_eq!(world.instantiate(INSTANCE).await.status, 200);
    assert_eq!(world.edge.counts().faults, 1);
}

#[tokio::test]
async fn it_acts_and_the_answer_is_lost() {
    let world = World::start().await;
    world
        .edge
        .fault(Operation::Instantiate, Fault::LoseAnswer, When::Next(1));
    world
        .edge
        .fault(Operation::Terminate, Fault::LoseAnswer, When::Next(1));
    assert!(
        instantiate(world.lcm(), INSTANCE, &sample("positioning"))
            .await
            .is_err()
    );
    assert_eq!(world.edge.records(), [INSTANCE]);
    assert_eq!(world.query(INSTANCE).await.status, 200);
    let path = format!("/lcmcontroller/v1/tenants/{TENANT}/app_instances/{INSTANCE}/terminate");
    assert!(
        call(world.lcm(), "POST", &path, &[("access_token", &token())], b"")
            .await
            .is_err()
    );
    assert!(world.sim.totals().is_empty());
    assert_eq!(world.edge.counts().unanswered, 2);
}

#[tokio::test]
async fn something_in_front_answers_although_it_acted() {
    let world = World::start().await;
    let gateway = Fault::AnswerAfter {
        status: 504,
        body: "<html>Gateway Time-out</html>".to_owned(),
    };
    world.edge.fault(Operation::Instantiate, gateway, When::Always);
    assert!(
        world
            .instantiate(INSTANCE)
            .await
            .is(504, "<html>Gateway Time-out</html>")
    );
    assert_eq!(world.edge.counts().deploys, 1);
}

#[tokio::test]
async fn it_hangs_longer_than_a_v1_controller_would() {
    let world = World::with(SimConfig {
        close_after: Duration::from_millis(50),
        ..Default::default()
    })
    .await;
    world.edge.fault(Operation::Query, Fault::Hang, When::Next(1));
    let waited = timeout(Duration::from_millis(300), world.query(INSTANCE)).await;
    assert!(waited.is_err(), "neither answered nor closed");
    assert_eq!(
        world.query(INSTANCE).await.status,
        404,
        "the next call is answered"
    );
    // Hanging connections do not hold up the end for long.
    world.edge.fault(Operation::Query, Fault::Hang, When::Next(1));
    let began = Instant::now();
    world.sim.stop_now().await;
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn it_answers_nonsense_and_late() {
    let world = World::start().await;
    world.edge.fault(Operation::Kpi, Fault::Nonsense, When::Always);
    world.edge.fault(
        Operation::Kpi,
        Fault::Delay(Duration::from_millis(60)),
        When::Always,
    );
    let path = format!("/lcmcontroller/v1/tenants/{TENANT}/hosts/10.0.0.2/kpi");
    let began = Instant::now();
    let answer = world.get(&path).await;
    assert!(began.elapsed() >= Duration::from_millis(60));
    assert!(
        answer.status == 200 && answer.body.contains("<html>"),
        "{answer:?}"
    );
    world.edge.heal();
    assert!(world.get(&path).await.json()["cpuusage"].is_object());
}

#[tokio::test]
async fn it_is_down_and_comes_back() {
    let world = World::start().await;
    world.edge.fault(Operation::Any, Fault::Down, When::Always);
    assert!(
        instantiate(world.lcm(), INSTANCE, &sample("positioning"))
            .await
            .is_err()
    );
    assert!(call(world.rules(), "GET", "/", &[], b"").await.is_err());
    assert_eq!(world.edge.counts().uploads, 0);
    let other = super::at(1, world.sim.lcm_port());
    assert_eq!(
        instantiate(other, INSTANCE, &sample("positioning"))
            .await
            .unwrap()
            .status,
        200,
        "others work on"
    );
    world.edge.heal();
    world
        .edge
        .fault(Operation::Instantiate, Fault::Down, When::Next(1));
    assert!(
        instantiate(world.lcm(), INSTANCE, &sample("positioning"))
            .await
            .is_err()
    );
    assert_eq!(world.instantiate(INSTANCE).await.status, 200);
}

#[tokio::test]
async fn connections_live_on_between_calls_and_are_closed_when_idle() {
    let world = World::with(SimConfig {
        close_after: Duration::from_millis(150),
        ..Default::default()
    })
    .await;
    let mut stream = TcpStream::connect(world.lcm()).await.unwrap();
    let request = format!(
        "GET /lcmcontroller/v1/health HTTP/1.1\r\nHost: {}\r\n\r\n",
        world.lcm()
    );
    let mut read = vec![0; 1024];
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let length = stream.read(&mut read).await.unwrap();
        assert!(read[..length].ends_with(b"ok"));
    }
    let began = Instant::now();
    assert_eq!(stream.read(&mut read).await.unwrap(), 0, "closed");
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn a_broken_upload_deploys_nothing() {
    let world = World::with(SimConfig {
        close_after: Duration::from_millis(100),
        ..Default::default()
    })
    .await;
    let (content_type, body) = super::form(INSTANCE, &sample("positioning")).finish();
    let path = format!("/lcmcontroller/v1/tenants/{TENANT}/app_instances/{INSTANCE}/instantiate");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\naccess_token: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        token(),
        body.len()
    );
    let mut stream = TcpStream::connect(world.lcm()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..body.len() / 2]).await.unwrap();
    drop(stream);
    until("it noticed", || world.edge.counts().broken_uploads == 1).await;

    // One that is too slow is cut off after the set time.
    let mut stream = TcpStream::connect(world.lcm()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest))
        .await
        .expect("closed");
    assert!(rest.is_empty());
    assert_eq!((world.edge.counts().uploads, world.edge.counts().deploys), (0, 0));
}

async fn faults(to: std::net::SocketAddr, method: &str, query: &str, lines: &str) -> (u16, String) {
    let path = format!("/faults{query}");
    let answer = call(to, method, &path, &[], lines.as_bytes()).await.unwrap();
    (answer.status, answer.body)
}

#[tokio::test]
async fn somebody_outside_lets_one_edge_fail_and_heals_it() {
    let world = World::start().await;
    let none = (200, "nothing is set to go wrong\n".to_owned());
    assert_eq!(faults(world.lcm(), "GET", "", "").await, none);
    let set = faults(
        world.rules(),
        "POST",
        "",
        "query=answer:500:invalid@next:1\nkpi=lose\n",
    )
    .await;
    let told = "query=answer:500:invalid@next:1\nkpi=lose@always\n";
    assert_eq!(set, (200, told.to_owned()), "whichever of its ports was asked");
    assert_eq!(world.query(INSTANCE).await.error(), (500, "invalid".to_owned()));
    assert_eq!(world.query(INSTANCE).await.status, 404, "only the next one");
    let other = super::at(1, world.sim.lcm_port());
    assert_eq!(faults(other, "GET", "", "").await, none, "others work on");
    assert_eq!(faults(world.mep(), "DELETE", "", "").await, none);
    assert!(world.edge.faults().is_empty());
}

#[tokio::test]
async fn an_edge_that_is_down_is_healed_through_another() {
    let world = World::start().await;
    let other = super::at(1, world.sim.lcm_port());
    let query = format!("?edge={}", world.edge.ip());
    faults(other, "POST", &query, "any=down").await;
    assert!(call(world.lcm(), "GET", "/", &[], b"").await.is_err());
    faults(other, "DELETE", &query, "").await;
    assert_eq!(call(world.lcm(), "GET", "/", &[], b"").await.unwrap().status, 200);
}

#[tokio::test]
async fn all_edges_fail_those_too_that_nobody_has_called_yet() {
    let sim = Simulator::start(SimConfig {
        faults: vec!["kpi=answer:500:from the start".parse().unwrap()],
        ..SimConfig::default()
    })
    .await
    .unwrap();
    let at = |index| super::at(index, sim.lcm_port());
    let set = faults(at(0), "POST", "?edge=all", "query=answer:503:all").await;
    assert_eq!(
        set.1,
        "kpi=answer:500:from the start@always\nquery=answer:503:all@always\n"
    );
    for index in [0, 1, 7] {
        assert_eq!(sim.edge(crate::edge_address(index)).faults().len(), 2);
        let path = format!("/lcmcontroller/v1/tenants/{TENANT}/app_instances/{INSTANCE}");
        let answer = call(at(index), "GET", &path, &[("access_token", &token())], b"")
            .await
            .unwrap();
        assert_eq!(answer.error(), (503, "all".to_owned()));
    }
    faults(at(3), "DELETE", "?edge=all", "").await;
    assert!(sim.edge(crate::edge_address(0)).faults().is_empty());
    assert!(sim.edge(crate::edge_address(9)).faults().is_empty());
}

#[tokio::test]
async fn what_is_no_fault_sets_none() {
    let world = World::start().await;
    let set = faults(world.lcm(), "POST", "", "query=lose\nquery=explode").await;
    assert!(set.0 == 400 && set.1.contains("there are delay"), "{set:?}");
    let set = faults(world.lcm(), "POST", "?edge=10.0.0.1", "query=lose").await;
    assert_eq!(set.0, 400);
    let many = "query=lose\n".repeat(101);
    assert_eq!(faults(world.lcm(), "POST", "", &many).await.0, 400);
    assert_eq!(faults(world.lcm(), "PUT", "", "query=lose").await.0, 405);
    assert!(world.edge.faults().is_empty());
}
