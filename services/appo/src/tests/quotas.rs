//! How much a tenant may have, and how many tenants there may be.

use super::*;
use crate::tests::sample::PLAIN;

impl Rig {
    async fn batch_on(&self, hosts: &[usize]) -> Answer {
        let mut body = Self::create_body("zone", PLAIN);
        let hosts = hosts.iter().map(|host| Self::host(*host).to_string());
        body["mecHost"] = hosts.collect::<Vec<_>>().into();
        self.ask(Method::POST, "/app_instances/batch_create", Some(body))
            .await
    }

    /// The details of a refusal, or nothing.
    async fn create_in(&self, tenant: &str) -> (u16, Value) {
        let mut body = Self::create_body("zone", PLAIN);
        body["mecHost"] = Self::host(0).to_string().into();
        let token = self.token(tenant, "ROLE_MECM_TENANT", 60);
        let path = format!("/appo/v1/tenants/{tenant}/app_instances");
        let answer = self.ask_at(&token, Method::POST, &path, Some(body)).await;
        (answer.status, answer.body["details"].clone())
    }
}

#[tokio::test]
async fn a_tenant_over_its_quota_is_told_so_and_gets_nothing() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| config.limits.app_instances = 3).await;
        let answer = rig.batch_on(&[0, 1, 2, 3]).await;
        assert_eq!(answer.message(), (409, "Max record limit exceeded"));
        let details = json!(["at most 3 application instances per tenant"]);
        assert_eq!(answer.body["details"], details);
        let none = rig.ask(Method::GET, "/app_instance_infos", None).await;
        assert_eq!(none.status, 404);
        // What is refused anyway takes no place.
        assert_eq!(rig.batch_on(&[0, 1, 2, 2]).await.status, 202);
        assert_eq!(rig.batch_on(&[3]).await.body["details"], details);
    }
}

#[tokio::test]
async fn there_are_no_more_tenants_than_may_be() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| config.limits.tenants = 1).await;
        let first = rig.create("zone", PLAIN, 0).await;
        let refused = (409, json!(["tenants: 1"]));
        assert_eq!(rig.create_in(OTHER_TENANT).await, refused);
        assert_eq!(
            rig.create_in(TENANT).await.0,
            202,
            "a tenant that has some goes on"
        );
        rig.idle().await;
        assert_eq!(rig.create_in(OTHER_TENANT).await, refused);
        rig.terminate(&first).await;
        rig.idle().await;
        let infos = rig.ask(Method::GET, "/app_instance_infos", None).await;
        let second = infos.body["response"][0]["appInstanceId"]
            .as_str()
            .unwrap()
            .to_owned();
        rig.terminate(&second).await;
        rig.idle().await;
        assert_eq!(
            rig.create_in(OTHER_TENANT).await.0,
            202,
            "the place is free again"
        );
    }
}
