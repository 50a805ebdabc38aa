//! Turns: nobody waits for nothing, and tenants share a lane.

use tokio::sync::Semaphore;

use super::*;

fn turn() -> Step {
    Outcome::Turn {
        lane: "10.0.0.1:30101".into(),
        slots: 1,
        then: "inside",
        waits: "turn",
    }
    .into()
}

#[tokio::test]
async fn who_is_woken_and_does_not_take_the_turn_wakes_the_next() {
    for test in TestDb::all(&migrations()).await {
        let (gate, gives_up) = (Arc::new(Notify::new()), Arc::new(Mutex::new(false)));
        let flows = {
            let (gate, gives_up) = (gate.clone(), gives_up.clone());
            Scripted::default().on("flow", move |job| {
                let (gate, gives_up) = (gate.clone(), gives_up.clone());
                async move {
                    match (job.step.as_str(), job.subject.as_str()) {
                        ("inside", "first") => {
                            gate.notified().await;
                            Outcome::Done.into()
                        }
                        ("inside", _) => Outcome::Done.into(),
                        (_, "second") if *gives_up.lock().unwrap() => Step::failed("changed its mind"),
                        _ => turn(),
                    }
                }
            })
        };
        let rig = rig(test, flows, 8).await;
        rig.add(&[job(tenant(1), "flow", "first")]).await;
        wait_until(|| rig.log().contains(&"first:inside".to_owned())).await;
        for subject in ["second", "third"] {
            rig.add(&[job(tenant(1), "flow", subject)]).await;
            let deadline = tokio::time::Instant::now() + LIMIT;
            while rig.rows(subject).await[0].state != "waiting" {
                assert!(tokio::time::Instant::now() < deadline);
            }
            assert_eq!(rig.rows(subject).await[0].step, "turn");
        }
        *gives_up.lock().unwrap() = true;
        gate.notify_one();
        // The clock stands still: nobody is helped by looking again after a while.
        rig.idle().await;
        assert_eq!(rig.rows("second").await[0].state, "failed");
        assert_eq!(rig.rows("third").await[0].state, "done");
    }
}

#[tokio::test]
async fn a_tenant_that_comes_late_to_a_lane_shares_it_with_those_who_wait() {
    for test in TestDb::all(&migrations()).await {
        let permits = Arc::new(Semaphore::new(10));
        let flows = {
            let permits = permits.clone();
            Scripted::default().on("flow", move |job| {
                let permits = permits.clone();
                async move {
                    if job.step != "inside" {
                        return turn();
                    }
                    permits.acquire().await.unwrap().forget();
                    Outcome::Done.into()
                }
            })
        };
        let rig = rig(test, flows, 64).await;
        let of = |number: u128, name: &str, count: usize| -> Vec<NewJob> {
            (0..count)
                .map(|n| job(tenant(number), "flow", &format!("{name}{n}")))
                .collect()
        };
        rig.add(&of(1, "a", 20)).await;
        let inside = |rig: &Rig| rig.log().iter().filter(|line| line.ends_with(":inside")).count();
        wait_until(|| inside(&rig) == 11).await;
        rig.add(&of(2, "b", 9)).await;
        let waiting = "SELECT COUNT(*) FROM jobs WHERE state = 'waiting' AND lane IS NOT NULL";
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let mut tx = rig.test.db.begin_read().await.unwrap();
            if count(&mut tx, waiting).await == 18 {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline);
        }
        permits.add_permits(100);
        rig.idle().await;
        let order: Vec<String> = rig
            .log()
            .into_iter()
            .filter(|line| line.ends_with(":inside"))
            .skip(11)
            .collect();
        let early = order[..6].iter().filter(|line| line.starts_with('a')).count();
        assert!(
            (2..=4).contains(&early),
            "neither goes before all of the other: {order:?}"
        );
    }
}
