//! Small questions of many requests, put to the database together: while one statement is under way, what comes meanwhile is
//! gathered for the next. Nobody waits longer for it than for two statements, and a thousand requests cost a few of them.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::DbError;

/// Questions in one statement at most.
const TOGETHER: usize = 256;
/// Questions that wait at most; more wait to be put.
const WAITING: usize = 4_096;

type Asked<Q, A> = (Q, oneshot::Sender<Result<A, Arc<DbError>>>);

/// Puts questions together. Cheap to clone.
pub struct Batcher<Q, A>(mpsc::Sender<Asked<Q, A>>);

impl<Q, A> Clone for Batcher<Q, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Q, A> fmt::Debug for Batcher<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Batcher")
    }
}

impl<Q: Send + 'static, A: Send + 'static> Batcher<Q, A> {
    /// `work` answers all questions of a batch, in their order. Runs until the last clone is gone.
    pub fn new(
        work: impl Fn(Vec<Q>) -> BoxFuture<'static, Result<Vec<A>, DbError>> + Send + Sync + 'static,
    ) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Asked<Q, A>>(WAITING);
        tokio::spawn(async move {
            let mut asked = Vec::new();
            while receiver.recv_many(&mut asked, TOGETHER).await > 0 {
                let (questions, askers): (Vec<Q>, Vec<_>) = asked.drain(..).unzip();
                // A task of its own: should it panic, those after it are still answered. Whoever has gone is told in vain.
                let answered = tokio::spawn(work(questions)).await;
                let answered = answered.unwrap_or(Err(DbError::Unavailable(sqlx::Error::WorkerCrashed)));
                match answered {
                    Ok(answers) => {
                        for (asker, answer) in askers.into_iter().zip(answers) {
                            drop(asker.send(Ok(answer)));
                        }
                    }
                    Err(error) => {
                        let error = Arc::new(error);
                        for asker in askers {
                            drop(asker.send(Err(Arc::clone(&error))));
                        }
                    }
                }
            }
        });
        Self(sender)
    }

    /// Puts a question.
    ///
    /// # Errors
    /// What the database said to the whole batch.
    pub async fn ask(&self, question: Q) -> Result<A, Arc<DbError>> {
        let gone = || Arc::new(DbError::Unavailable(sqlx::Error::WorkerCrashed));
        let (asker, answer) = oneshot::channel();
        self.0.send((question, asker)).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_comes_while_one_is_under_way_is_asked_together_and_each_has_its_own_answer() {
        let batches = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&batches);
        let batcher = Batcher::new(move |questions: Vec<usize>| {
            counted.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::task::yield_now().await;
                Ok(questions.into_iter().map(|number| number * 2).collect())
            })
        });
        let asked = (0..100).map(|number| batcher.ask(number));
        let answers = futures::future::join_all(asked).await;
        for (number, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.unwrap(), number * 2);
        }
        assert!(batches.load(Ordering::SeqCst) < 10);
    }

    #[tokio::test]
    async fn a_question_that_makes_it_panic_is_refused_and_the_next_is_answered() {
        let batcher = Batcher::new(move |questions: Vec<u8>| {
            Box::pin(async move {
                assert!(!questions.contains(&13), "a panic on purpose");
                Ok(questions)
            })
        });
        assert!(batcher.ask(13).await.is_err());
        assert_eq!(batcher.ask(7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn all_are_told_what_went_wrong_and_the_next_may_go_well() {
        let failed = AtomicUsize::new(0);
        let batcher = Batcher::new(move |questions: Vec<()>| {
            let first = failed.fetch_add(1, Ordering::SeqCst) == 0;
            Box::pin(async move {
                if first {
                    return Err(DbError::Schema("none".into()));
                }
                Ok(questions)
            })
        });
        assert!(batcher.ask(()).await.is_err());
        assert!(batcher.ask(()).await.is_ok());
    }
}
