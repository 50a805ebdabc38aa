//! Who may work on a job: one task at a time, whatever the clocks and the other processes do.

use mecm_common::db::DbError;

use super::*;

/// Makes every lease run out.
async fn expire_all(db: &Db, now: chrono::DateTime<chrono::Utc>) {
    async fn run(tx: &mut Tx, past: chrono::DateTime<chrono::Utc>) -> Result<(), DbError> {
        execute!(
            tx,
            "UPDATE jobs SET lease_until = $1 WHERE state = 'running'",
            past
        );
        Ok(())
    }
    let mut tx = db.begin_write().await.unwrap();
    run(&mut tx, now - TimeDelta::days(1)).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_lease_that_has_run_out_does_not_make_its_own_process_begin_the_step_twice() {
    for test in TestDb::all(&migrations()).await {
        let gate = Arc::new(Notify::new());
        let flows = {
            let gate = gate.clone();
            Scripted::default()
                .on("slow", move |_| {
                    let gate = gate.clone();
                    async move {
                        gate.notified().await;
                        Outcome::Done.into()
                    }
                })
                .on("quick", |_| async { Outcome::Done.into() })
        };
        let quick = Settings {
            beat: Duration::from_millis(20),
            ..settings(8)
        };
        let rig = rig_with(test, flows, quick).await;
        rig.add(&[job(tenant(1), "slow", "s")]).await;
        wait_until(|| !rig.log().is_empty()).await;
        for n in 0..5 {
            // A suspended machine, a clock that was set: and the process claims on.
            rig.clock.advance(Duration::from_secs(60));
            expire_all(&rig.test.db, rig.clock.now()).await;
            let subject = format!("q{n}");
            rig.add(&[job(tenant(1), "quick", &subject)]).await;
            let deadline = tokio::time::Instant::now() + LIMIT;
            while rig.rows(&subject).await[0].state != "done" {
                assert!(tokio::time::Instant::now() < deadline);
                tokio::task::yield_now().await;
            }
        }
        gate.notify_one();
        rig.idle().await;
        assert_eq!(rig.log().iter().filter(|line| *line == "s:one").count(), 1);
        assert_eq!(rig.rows("s").await[0].state, "done");
    }
}

#[tokio::test]
async fn what_a_dead_replica_had_is_taken_over_by_another_the_queued_too() {
    for test in TestDb::all(&migrations()).await {
        if test.db.is_sqlite() {
            // One process per file.
            continue;
        }
        let begun = Arc::new(Mutex::new(Vec::new()));
        let flows = |hangs: bool| {
            let begun = begun.clone();
            Scripted::default().on("flow", move |job| {
                let begun = begun.clone();
                async move {
                    begun.lock().unwrap().push((job.subject.clone(), job.fresh));
                    if hangs {
                        std::future::pending::<()>().await;
                    }
                    Outcome::Done.into()
                }
            })
        };
        let short = || Settings {
            lease: Duration::from_secs(1),
            beat: Duration::from_millis(200),
            ..settings(1)
        };
        let clock = Clock::System;
        let dead = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (url, its_clock, its_flows, its_settings) =
            (test.url.clone(), clock.clone(), flows(true), short());
        let started = dead.spawn(async move {
            let db = Db::open(&url, &migrations(), 4).await.unwrap();
            Engine::start(
                db,
                its_clock,
                Arc::new(its_flows),
                its_settings,
                CancellationToken::new(),
            )
            .await
            .unwrap()
        });
        let first = started.await.unwrap();
        add(
            &test.db,
            &clock,
            &[
                job(tenant(1), "flow", "running"),
                job(tenant(1), "flow", "queued"),
            ],
        )
        .await;
        first.wake();
        wait_until(|| !begun.lock().unwrap().is_empty()).await;
        let stop = CancellationToken::new();
        let second = Engine::start(
            test.db.clone(),
            clock.clone(),
            Arc::new(flows(false)),
            short(),
            stop.clone(),
        )
        .await
        .unwrap();
        dead.shutdown_background();
        second.run_until_idle(LIMIT).await.unwrap();
        let mut tx = test.db.begin_read().await.unwrap();
        for subject in ["running", "queued"] {
            assert_eq!(
                of_subject(&mut tx, subject).await.unwrap()[0].state,
                "done",
                "{subject}"
            );
        }
        let times = begun.lock().unwrap().clone();
        let of = |subject: &str| times.iter().filter(|(begun, _)| begun == subject).count();
        assert_eq!((of("running"), of("queued")), (2, 1), "{times:?}");
        assert!(
            times.iter().all(|(_, fresh)| !fresh),
            "they may have acted: {times:?}"
        );
        stop.cancel();
        second.stopped().await;
    }
}

#[tokio::test]
async fn a_step_that_panics_each_time_ends_its_flow() {
    for test in TestDb::all(&migrations()).await {
        let flows = Scripted::default().on("flow", |_| async { panic!("a defect") });
        let rig = rig(test, flows, 4).await;
        rig.add(&[job(tenant(1), "flow", "a")]).await;
        for _ in 0..20 {
            rig.idle().await;
            rig.clock.advance(Duration::from_secs(30));
        }
        let row = &rig.rows("a").await[0];
        assert_eq!(row.state, "failed");
        assert!(row.reason.as_deref().unwrap().contains("panicked"), "{row:?}");
        assert_eq!(rig.log().len(), 5);
    }
}

#[tokio::test]
async fn a_stop_that_comes_while_a_step_runs_is_seen_at_once_and_once() {
    for test in TestDb::all(&migrations()).await {
        let gate = Arc::new(Notify::new());
        let flows = {
            let gate = gate.clone();
            Scripted::default().on("flow", move |job| {
                let gate = gate.clone();
                async move {
                    let far = job.created + TimeDelta::hours(1);
                    if !job.stop {
                        gate.notified().await;
                    }
                    Outcome::Wait(far).into()
                }
            })
        };
        let rig = rig(test, flows, 4).await;
        rig.add(&[job(tenant(1), "flow", "a")]).await;
        wait_until(|| !rig.log().is_empty()).await;
        let mut tx = rig.test.db.begin_write().await.unwrap();
        stop_subject(&mut tx, "a", "terminated", rig.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        gate.notify_one();
        rig.idle().await;
        assert_eq!(
            rig.log().len(),
            2,
            "it looked again, and then waited for what it waits"
        );
    }
}

#[tokio::test]
async fn a_step_that_waits_and_is_tried_again_has_one_beginning() {
    for test in TestDb::all(&migrations()).await {
        let flows = Scripted::default().on("flow", |job| async move {
            match job.attempt {
                1 | 2 => Outcome::Retry("not yet".to_owned()).into(),
                _ => Outcome::Done.into(),
            }
        });
        let rig = rig(test, flows, 4).await;
        rig.add(&[job(tenant(1), "flow", "a")]).await;
        let began = rig.clock.now();
        for _ in 0..5 {
            rig.idle().await;
            if rig.rows("a").await[0].state == "waiting" {
                assert_eq!(rig.rows("a").await[0].step_since, began);
            }
            rig.clock.advance(Duration::from_secs(30));
        }
        assert_eq!(rig.rows("a").await[0].state, "done");
        let mut tx = rig.test.db.begin_read().await.unwrap();
        let steps = "SELECT COUNT(*) FROM job_steps WHERE attempts = 3 AND started < ended";
        assert_eq!(count(&mut tx, steps).await, 1);
    }
}

#[tokio::test]
async fn ended_jobs_are_forgotten_in_time_and_open_ones_never() {
    for test in TestDb::all(&migrations()).await {
        let flows = Scripted::default()
            .on("ends", |_| async { Outcome::Done.into() })
            .on("waits", |job| async move {
                Outcome::Wait(job.created + TimeDelta::days(90)).into()
            });
        let rig = rig(test, flows, 4).await;
        rig.add(&[job(tenant(1), "ends", "e"), job(tenant(1), "waits", "w")])
            .await;
        rig.idle().await;
        rig.clock.advance(Duration::from_secs(8 * 24 * 3_600));
        let mut tx = rig.test.db.begin_write().await.unwrap();
        let gone = sweep(&mut tx, rig.clock.now() - TimeDelta::days(7), 10)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(gone, 1);
        assert!(rig.rows("e").await.is_empty());
        assert_eq!(rig.rows("w").await.len(), 1);
        let mut tx = rig.test.db.begin_read().await.unwrap();
        assert_eq!(count(&mut tx, "SELECT COUNT(*) FROM job_steps").await, 0);
    }
}
