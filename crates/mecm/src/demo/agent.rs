//! An application's agent, as one runs beside the application on an edge: it has its access key from the LCM controller, signs
//! once for a token, registers what the application offers, and says from time to time that it lives.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail};
use mecm_common::auth::signature::{AccessKey, EMPTY_BODY_SHA256, Form, RequestParts, SecretKey, sign_in};
use mecm_common::clock::Clock;
use mecm_edge_sim::Simulator;
use reqwest::{Client, Method};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

const TOKEN: &str = "/mepauth/mepauth/v1/token";

/// The agent of one instance.
#[derive(Debug)]
pub struct Agent {
    client: Client,
    /// Host and port of its edge's platform.
    host: String,
    instance: String,
    access_key: AccessKey,
    secret_key: SecretKey,
    token: Option<SecretString>,
}

impl Agent {
    /// With the key that the controller of this edge gave the instance; `None`: it gave none.
    pub fn of(sim: &Simulator, edge: Ipv4Addr, instance: &str, client: Client) -> Option<Self> {
        let (access_key, secret_key) = sim.edge(edge).app_key(instance)?;
        Some(Self {
            client,
            host: format!("{edge}:{}", sim.mep_port()),
            instance: instance.to_owned(),
            access_key,
            secret_key,
            token: None,
        })
    }

    /// Signs for a token, in MEP-auth's form, and keeps it. Gives the status that the platform answers.
    ///
    /// # Errors
    /// When the platform cannot be reached or answers no token.
    pub async fn log_in(&mut self) -> Result<u16> {
        let parts = RequestParts {
            method: "POST",
            path: TOKEN,
            query: "",
            headers: &[
                ("host", self.host.as_bytes()),
                ("content-type", b"application/json"),
            ],
        };
        let (access, secret) = (&self.access_key, &self.secret_key);
        let now = Clock::System.now();
        let signed = sign_in(Form::MepAuth, access, secret, &parts, EMPTY_BODY_SHA256, now);
        let mut request = self
            .client
            .post(format!("http://{}{TOKEN}", self.host))
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        let answer = request.send().await.context("the edge's platform is away")?;
        let status = answer.status().as_u16();
        if status == 200 {
            let told: Value = answer.json().await?;
            let token = told["access_token"].as_str().context("no token came")?;
            self.token = Some(token.into());
        }
        Ok(status)
    }

    /// Registers a service or a subscription, as `what` names it; gives what the platform answers.
    ///
    /// # Errors
    /// When it is not taken.
    pub async fn register(&self, what: &str, body: &Value) -> Result<Value> {
        let answer = self.call(Method::POST, what, body).await?;
        let status = answer.status().as_u16();
        if status != 201 {
            bail!("{what}: expected 201, came {status}");
        }
        Ok(answer.json().await.unwrap_or_default())
    }

    /// Says that a service lives.
    ///
    /// # Errors
    /// When that is not taken.
    pub async fn beat(&self, method: Method, service: &str) -> Result<()> {
        let path = format!("services/{service}/liveness");
        let answer = self.call(method, &path, &json!({"state": "ACTIVE"})).await?;
        match answer.status().as_u16() {
            204 => Ok(()),
            status => bail!("heartbeat: expected 204, came {status}"),
        }
    }

    async fn call(&self, method: Method, what: &str, body: &Value) -> Result<reqwest::Response> {
        let url = format!(
            "http://{}/mepserver/mec_service_mgmt/v1/applications/{}/{what}",
            self.host, self.instance
        );
        let token = self.token.as_ref().context("the agent has not logged in")?;
        let request = self
            .client
            .request(method, url)
            .bearer_auth(token.expose_secret());
        Ok(request.json(body).send().await?)
    }
}
