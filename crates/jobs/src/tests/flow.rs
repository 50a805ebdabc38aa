use super::*;

async fn two_steps(job: Job) -> Step {
    match job.step.as_str() {
        "one" => Step::next("two").memo(json!({"learned": 7})).warn("mind the gap"),
        _ => {
            assert_eq!((job.fresh, job.memo["learned"].as_i64()), (true, Some(7)));
            Outcome::Done.into()
        }
    }
}

#[tokio::test]
async fn steps_run_in_order_and_leave_a_history_and_no_secret() {
    for test in TestDb::all(&migrations()).await {
        let rig = rig(test, Scripted::default().on("flow", two_steps), 4).await;
        rig.add(&[job(tenant(1), "flow", "a")]).await;
        rig.idle().await;
        let rows = rig.rows("a").await;
        assert_eq!(
            (rows[0].state.as_str(), rows[0].warnings.0.as_slice()),
            ("done", &["mind the gap".to_owned()][..])
        );
        assert!(rows[0].started.is_some() && rows[0].ended.is_some());
        assert_eq!(rig.log(), ["a:one", "a:two"]);
        let mut tx = rig.test.db.begin_read().await.unwrap();
        assert_eq!(count(&mut tx, "SELECT COUNT(*) FROM job_steps").await, 2);
        assert_eq!(
            count(&mut tx, "SELECT COUNT(*) FROM jobs WHERE secret IS NOT NULL").await,
            0
        );
    }
}

#[tokio::test]
async fn jobs_of_one_subject_run_one_after_another_and_others_beside_them() {
    for test in TestDb::all(&migrations()).await {
        let gate = Arc::new(Notify::new());
        let flows = {
            let gate = gate.clone();
            Scripted::default()
                .on("held", move |_| {
                    let gate = gate.clone();
                    async move {
                        gate.notified().await;
                        Outcome::Done.into()
                    }
                })
                .on("quick", |_| async { Outcome::Done.into() })
        };
        let rig = rig(test, flows, 4).await;
        rig.add(&[
            job(tenant(1), "held", "a"),
            job(tenant(1), "quick", "a"),
            job(tenant(1), "quick", "b"),
        ])
        .await;
        wait_until(|| rig.log().contains(&"b:one".to_owned())).await;
        assert_eq!(rig.log().iter().filter(|line| line.starts_with("a:")).count(), 1);
        gate.notify_one();
        rig.idle().await;
        assert_eq!(rig.log().len(), 3);
    }
}

#[tokio::test]
async fn a_later_step_begins_when_its_time_has_come() {
    for test in TestDb::all(&migrations()).await {
        let flows = Scripted::default().on("flow", |job| async move {
            let at = job.created + TimeDelta::seconds(30);
            match job.step.as_str() {
                "one" => Outcome::Later { step: "two", at }.into(),
                _ => {
                    assert_eq!((job.attempt, job.fresh), (1, false));
                    Outcome::Done.into()
                }
            }
        });
        let rig = rig(test, flows, 4).await;
        rig.add(&[job(tenant(1), "flow", "a")]).await;
        rig.idle().await;
        assert_eq!(rig.log(), ["a:one"]);
        rig.clock.advance(Duration::from_secs(30));
        rig.idle().await;
        assert_eq!(rig.log(), ["a:one", "a:two"]);
        assert_eq!(rig.rows("a").await[0].state, "done");
    }
}

#[tokio::test]
async fn waiting_is_not_failing_and_a_retry_counts() {
    for test in TestDb::all(&migrations()).await {
        let clock_of_flow: Arc<Mutex<Option<Clock>>> = Arc::default();
        let flows = {
            let clock = clock_of_flow.clone();
            Scripted::default()
                .on("waits", move |job| {
                    let now = clock.lock().unwrap().clone().unwrap().now();
                    async move {
                        assert_eq!(job.attempt, 1);
                        if now < job.created + TimeDelta::seconds(60) {
                            Outcome::Wait(now + TimeDelta::seconds(5)).into()
                        } else {
                            Outcome::Done.into()
                        }
                    }
                })
                .on("fails", |job| async move {
                    if job.attempt < 3 {
                        Outcome::Retry("no luck".into()).into()
                    } else {
                        Step::failed("gave up")
                    }
                })
        };
        let rig = rig(test, flows, 4).await;
        *clock_of_flow.lock().unwrap() = Some(rig.clock.clone());
        rig.add(&[job(tenant(1), "waits", "w"), job(tenant(1), "fails", "f")])
            .await;
        rig.idle().await;
        assert_eq!(rig.rows("w").await[0].state, "waiting");
        for _ in 0..20 {
            rig.clock.advance(Duration::from_secs(5));
            rig.idle().await;
        }
        assert_eq!(rig.rows("w").await[0].state, "done");
        let failed = &rig.rows("f").await[0];
        assert_eq!(
            (failed.state.as_str(), failed.reason.as_deref()),
            ("failed", Some("gave up"))
        );
        assert_eq!(rig.log().iter().filter(|line| *line == "f:one").count(), 3);
    }
}

#[tokio::test]
async fn a_lane_of_one_has_one_at_a_time_and_its_turn_comes_back_at_the_end() {
    for test in TestDb::all(&migrations()).await {
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let flows = {
            let (inside, most) = (inside.clone(), most.clone());
            Scripted::default().on("turn", move |job| {
                let (inside, most) = (inside.clone(), most.clone());
                async move {
                    if job.step != "inside" {
                        return Outcome::Turn {
                            lane: "10.0.0.1:30101".into(),
                            slots: 1,
                            then: "inside",
                            waits: "turn",
                        }
                        .into();
                    }
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    // Half end well, half badly: the turn comes back either way.
                    if job.seq % 2 == 0 {
                        Outcome::Done.into()
                    } else {
                        Step::failed("no")
                    }
                }
            })
        };
        let rig = rig(test, flows, 16).await;
        let jobs: Vec<_> = (0..20)
            .map(|n| job(tenant(1), "turn", &format!("s{n}")))
            .collect();
        rig.add(&jobs).await;
        rig.idle().await;
        // Nobody is left waiting for the fallback time.
        assert_eq!(
            rig.log().iter().filter(|line| line.ends_with(":inside")).count(),
            20
        );
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn one_tenants_thousand_do_not_hold_up_anothers_one() {
    for test in TestDb::all(&migrations()).await {
        let rig = rig(
            test,
            Scripted::default().on("flow", |_| async { Outcome::Done.into() }),
            1,
        )
        .await;
        let mut jobs: Vec<_> = (0..40)
            .map(|n| job(tenant(1), "flow", &format!("a{n}")))
            .collect();
        let mut tx = rig.test.db.begin_write().await.unwrap();
        enqueue(&mut tx, &jobs, rig.clock.now()).await.unwrap();
        jobs = vec![job(tenant(2), "flow", "b")];
        enqueue(&mut tx, &jobs, rig.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        rig.engine.wake();
        rig.idle().await;
        let place = rig.log().iter().position(|line| line == "b:one").unwrap();
        assert!(place <= 2, "tenant 2 came {place}th");
    }
}

#[tokio::test]
async fn a_stop_ends_what_never_began_and_asks_the_rest() {
    for test in TestDb::all(&migrations()).await {
        let gate = Arc::new(Notify::new());
        let flows = {
            let gate = gate.clone();
            Scripted::default().on("flow", move |job| {
                let gate = gate.clone();
                async move {
                    if job.step == "one" {
                        gate.notified().await;
                        return Step::next("two");
                    }
                    assert!(job.stop);
                    Outcome::Cancelled("stopped".into()).into()
                }
            })
        };
        let rig = rig(test, flows, 4).await;
        rig.add(&[job(tenant(1), "flow", "a"), job(tenant(1), "flow", "a")])
            .await;
        wait_until(|| !rig.log().is_empty()).await;
        let mut tx = rig.test.db.begin_write().await.unwrap();
        let (ended, asked) = stop_subject(&mut tx, "a", "terminated", rig.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!((ended.len(), asked), (1, 1));
        gate.notify_one();
        rig.idle().await;
        let states: Vec<_> = rig
            .rows("a")
            .await
            .into_iter()
            .map(|row| (row.state, row.reason))
            .collect();
        assert_eq!(states[0], ("cancelled".to_owned(), Some("stopped".to_owned())));
        assert_eq!(states[1], ("cancelled".to_owned(), Some("terminated".to_owned())));
    }
}

#[tokio::test]
async fn one_write_that_fails_does_not_take_the_others_with_it() {
    for test in TestDb::all(&migrations()).await {
        let flows = Scripted::default()
            .on("good", |_| async { Outcome::Done.into() })
            .on("bad", |job| async move {
                if job.attempt > 1 || !job.memo["again"].is_null() {
                    return Outcome::Done.into();
                }
                Step::from(Outcome::Done).writing(write(|tx| {
                    Box::pin(async move {
                        execute!(tx, "UPDATE jobs SET state = NULL WHERE kind = 'bad'");
                        Ok(())
                    })
                }))
            });
        let quick = Settings {
            lease: Duration::from_secs(1),
            beat: Duration::from_millis(20),
            ..settings(8)
        };
        let rig = rig_with(test, flows, quick).await;
        let mut jobs: Vec<_> = (0..6).map(|n| job(tenant(1), "good", &format!("g{n}"))).collect();
        jobs.push(job(tenant(1), "bad", "bad"));
        rig.add(&jobs).await;
        for n in 0..6 {
            let subject = format!("g{n}");
            let deadline = tokio::time::Instant::now() + LIMIT;
            while rig.rows(&subject).await[0].state != "done" {
                assert!(tokio::time::Instant::now() < deadline);
            }
        }
        // Nobody works on it any more, so its lease runs out, and it is begun again, while others are worked on.
        let deadline = tokio::time::Instant::now() + LIMIT;
        while rig.rows("bad").await[0].state != "done" {
            assert!(tokio::time::Instant::now() < deadline);
            rig.clock.advance(Duration::from_secs(1));
            rig.add(&[job(tenant(1), "good", "busy")]).await;
        }
    }
}

#[tokio::test]
async fn every_statement_is_understood_by_both() {
    use sqlx::{Executor, SqlSafeStr};
    let both = [
        store::FAIR_BASE,
        store::INSERT,
        store::GIVE_BACK,
        store::RECORD,
        store::RECORD_RUNNING,
        store::RECORD_END,
        store::ADD_STEP,
        store::READ_WARNINGS,
        store::WRITE_WARNINGS,
        store::BUSY,
        store::HELD,
        history::COLUMNS_OPEN,
        history::COLUMNS_ALL,
        history::END_QUEUED,
        history::STOP_BEGUN,
        history::WAKE_SUBJECT,
        history::SWEEP,
        turns::TAKE,
        turns::HELD,
        turns::FAIR_OF,
        turns::OLDER_WAITS,
        turns::GIVE,
        turns::WAKE_NEXT,
        turns::WAKE,
    ];
    for test in TestDb::all(&migrations()).await {
        let mut tx = test.db.begin_read().await.unwrap();
        match &mut tx {
            Tx::Postgres(tx) => {
                for sql in both.into_iter().chain([
                    store::CLAIM_POSTGRES,
                    store::RENEW_POSTGRES,
                    store::ORPHANS_POSTGRES,
                    store::LOCK_POSTGRES,
                    history::OPEN_POSTGRES,
                    history::LOCK_POSTGRES,
                ]) {
                    (&mut **tx)
                        .prepare(sql.into_sql_str())
                        .await
                        .unwrap_or_else(|e| panic!("{sql}: {e}"));
                }
            }
            Tx::Sqlite(tx) => {
                for sql in both.into_iter().chain([
                    store::CLAIM_SQLITE,
                    store::RENEW_SQLITE,
                    store::ORPHANS_SQLITE,
                    history::OPEN_SQLITE,
                ]) {
                    (&mut **tx)
                        .prepare(sql.into_sql_str())
                        .await
                        .unwrap_or_else(|e| panic!("{sql}: {e}"));
                }
            }
        }
    }
}

#[test]
fn back_off_doubles_to_half_a_minute_and_is_spread() {
    assert_eq!(backoff(1, 0.5), Duration::from_millis(500));
    assert_eq!(backoff(3, 0.5), Duration::from_secs(2));
    assert_eq!(backoff(50, 0.5), Duration::from_secs(30));
    assert!(backoff(4, 0.0) < backoff(4, 1.0));
}
