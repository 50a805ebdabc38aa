use super::*;

#[tokio::test]
async fn what_a_dead_process_had_goes_on_from_its_step_and_knows_that_it_may_have_acted() {
    for test in TestDb::all(&migrations()).await {
        let acted = Arc::new(Mutex::new(Vec::new()));
        let hang = |acted: Arc<Mutex<Vec<bool>>>, hangs: bool| {
            Scripted::default().on("flow", move |job| {
                let acted = acted.clone();
                async move {
                    if job.step == "one" {
                        return Step::next("act").memo(json!({"sent": true}));
                    }
                    acted.lock().unwrap().push(job.fresh);
                    if hangs {
                        std::future::pending::<()>().await;
                    }
                    assert_eq!(job.memo["sent"], true);
                    Outcome::Done.into()
                }
            })
        };
        let clock = Clock::System;
        let settings = settings(4);
        let first = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let url = test.url.clone();
        let db = if test.db.is_sqlite() {
            test.db.clone()
        } else {
            Db::open(&url, &migrations(), 4).await.unwrap()
        };
        {
            // A runtime of its own, dropped whole: as near to a killed process as one process can get.
            let (flows, settings, its_clock) = (hang(acted.clone(), true), settings.clone(), clock.clone());
            let started = first.spawn(async move {
                let db = if db.is_sqlite() {
                    db
                } else {
                    Db::open(&url, &migrations(), 4).await.unwrap()
                };
                Engine::start(db, its_clock, Arc::new(flows), settings, CancellationToken::new())
                    .await
                    .unwrap()
            });
            let engine = started.await.unwrap();
            add(&test.db, &clock, &[job(tenant(1), "flow", "a")]).await;
            engine.wake();
            wait_until(|| !acted.lock().unwrap().is_empty()).await;
        }
        first.shutdown_background();
        let flows = hang(acted.clone(), false);
        let stop = CancellationToken::new();
        let engine = resume(&test, &clock, flows, &settings, &stop).await;
        engine.run_until_idle(LIMIT).await.unwrap();
        assert_eq!(*acted.lock().unwrap(), [true, false]);
        let mut tx = test.db.begin_read().await.unwrap();
        assert_eq!(of_subject(&mut tx, "a").await.unwrap()[0].state, "done");
    }
}

/// Starts an engine anew; on PostgreSQL as soon as the dead one's session has let go of the instance id.
async fn resume(
    test: &TestDb,
    clock: &Clock,
    flows: Scripted,
    settings: &Settings,
    stop: &CancellationToken,
) -> Engine {
    let kept = std::fs::read_to_string(&settings.instance_file).unwrap_or_default();
    let flows = Arc::new(flows);
    let deadline = tokio::time::Instant::now() + LIMIT;
    loop {
        let engine = Engine::start(
            test.db.clone(),
            clock.clone(),
            flows.clone(),
            settings.clone(),
            stop.clone(),
        )
        .await
        .unwrap();
        let same = test.db.is_sqlite() || format!("{engine:?}").contains(kept.trim());
        if same {
            return engine;
        }
        // Another id was taken: put the kept one back and look again.
        std::fs::write(&settings.instance_file, &kept).unwrap();
        assert!(
            tokio::time::Instant::now() < deadline,
            "the dead process's session never ended"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_stale_lease_writes_nothing() {
    for test in TestDb::all(&migrations()).await {
        let gate = Arc::new(Notify::new());
        let entered = Arc::new(Notify::new());
        let flows = {
            let (gate, entered) = (gate.clone(), entered.clone());
            Scripted::default().on("flow", move |_| {
                let (gate, entered) = (gate.clone(), entered.clone());
                async move {
                    entered.notify_one();
                    gate.notified().await;
                    Step::failed("from the stale one").writing(write(|tx| {
                        Box::pin(async move {
                            execute!(tx, "UPDATE jobs SET traceparent = 'written by the stale one'");
                            Ok(())
                        })
                    }))
                }
            })
        };
        let rig = rig(test, flows, 1).await;
        rig.add(&[job(tenant(1), "flow", "a")]).await;
        entered.notified().await;
        // Another process takes it over.
        let mut tx = rig.test.db.begin_write().await.unwrap();
        take_over(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        rig.stop.cancel();
        gate.notify_one();
        rig.engine.stopped().await;
        let row = &rig.rows("a").await[0];
        assert_eq!((row.state.as_str(), row.reason.as_deref()), ("running", None));
        let mut tx = rig.test.db.begin_read().await.unwrap();
        assert_eq!(
            count(&mut tx, "SELECT COUNT(*) FROM jobs WHERE traceparent IS NOT NULL").await,
            0
        );
    }
}

async fn take_over(tx: &mut Tx) -> Result<(), mecm_common::db::DbError> {
    execute!(
        tx,
        "UPDATE jobs SET lease = $1, owner = 'another'",
        Uuid::new_v4()
    );
    Ok(())
}
