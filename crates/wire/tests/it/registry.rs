//! The client against a real registry (Apicurio, Confluent's API).

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use churn_domain::EventBatch;
use churn_testkit::{fresh_name, schema_registry};
use churn_wire::{
    Decoded, Decoder, Encoder, ErrorClass, EventCodec, Plan, Record, RegistryError, SchemaRef, SchemaRegistry,
    WireConfig, plan_all, register_all, subject, write_prefix,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::rows::{encode, plain_event, with_field};

fn open() -> Result<SchemaRegistry> {
    SchemaRegistry::open(&WireConfig { url: schema_registry(), ..WireConfig::default() })
        .context("opening the registry")
}

#[tokio::test]
async fn registering_again_gives_the_same_id_and_what_was_registered_comes_back() -> Result<()> {
    let (registry, topic) = (open()?, fresh_name("wire"));
    let topics = [(topic.as_str(), Record::CustomerEvent)];
    assert_eq!(plan_all(&registry, &topics).await?[0].plan, Plan::Register);
    let error = registry.id_of(&topic, Record::CustomerEvent).await.unwrap_err();
    assert!(matches!(error, RegistryError::NotRegistered { .. }) && error.to_string().contains("churn setup"));
    let first = register_all(&registry, &topics).await?;
    let again = register_all(&registry, &topics).await?;
    assert_eq!((first[0].is_new, again[0].is_new, again[0].id), (true, false, first[0].id));
    assert_eq!(plan_all(&registry, &topics).await?[0].plan, Plan::Registered(first[0].id));
    assert_eq!(registry.id_of(&topic, Record::CustomerEvent).await?, first[0].id);
    let fetched = open()?.fetch(SchemaRef::Id(first[0].id)).await?.context("the schema is gone")?;
    assert_eq!(fetched.text, Record::CustomerEvent.avsc());
    Ok(())
}

/// The registry refuses some of those that come at the same moment: a new subject's rule and version are made but once.
#[tokio::test(flavor = "multi_thread")]
async fn many_that_register_at_once_all_get_the_same_id() -> Result<()> {
    const AT_ONCE: usize = 8;
    for _ in 0..20 {
        let (topic, start) = (fresh_name("wire"), Arc::new(Barrier::new(AT_ONCE)));
        let mut registering = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (registry, topic, start) = (open()?, topic.clone(), Arc::clone(&start));
            registering.spawn(async move {
                let (subject, schema) = (subject(&topic), Record::CustomerScore.avsc());
                // Opens the connection, so that nothing but the network lies between the start and the registry.
                registry.lookup(&subject, schema).await?;
                start.wait().await;
                registry.set_full_transitive(&subject).await?;
                registry.register(&subject, schema).await
            });
        }
        let ids: Vec<_> = registering.join_all().await.into_iter().collect::<Result<_, _>>()?;
        // It looks at the rule, too.
        let id = open()?.id_of(&topic, Record::CustomerScore).await?;
        ensure!(ids == [id; AT_ONCE], "{ids:?}, registered is {id}");
    }
    Ok(())
}

#[tokio::test]
async fn an_incompatible_change_is_refused_and_changes_nothing() -> Result<()> {
    let (registry, topic) = (open()?, fresh_name("wire"));
    let id = register_all(&registry, &[(&topic, Record::CustomerOutcome)]).await?[0].id;
    let change = with_field(Record::CustomerOutcome, "churned", r#"{"name": "needed", "type": "string"}"#);
    assert!(registry.incompatibility(&subject(&topic), &change).await?.is_some());
    let error = registry.register(&subject(&topic), &change).await.unwrap_err();
    assert!(matches!(error, RegistryError::Incompatible { .. }), "{error}");
    let other = fresh_name("wire");
    let both = [(other.as_str(), Record::CustomerEvent), (topic.as_str(), Record::CustomerScore)];
    let error = register_all(&registry, &both).await.unwrap_err();
    assert!(matches!(&error, RegistryError::Incompatible { subject: s, .. } if *s == subject(&topic)), "{error}");
    assert_eq!(registry.lookup(&subject(&other), Record::CustomerEvent.avsc()).await?, None);
    assert_eq!(registry.id_of(&topic, Record::CustomerOutcome).await?, id);
    Ok(())
}

#[tokio::test]
async fn values_of_this_and_of_the_next_version_decode_and_an_unknown_id_is_a_data_error() -> Result<()> {
    let (registry, topic) = (Arc::new(open()?), fresh_name("wire"));
    let id = register_all(&registry, &[(&topic, Record::CustomerEvent)]).await?[0].id;
    let field = r#"{"name": "loyalty", "type": ["null", "string"], "default": null}"#;
    let next = with_field(Record::CustomerEvent, "stream", field);
    let next_id = registry.register(&subject(&topic), &next).await?;
    let mut value = Vec::new();
    Encoder::<EventCodec>::new(id).encode_into(&plain_event(), 0, &mut value);
    let mut next_value = Vec::new();
    write_prefix(next_id, &mut next_value);
    next_value.extend([2, 8]);
    next_value.extend(b"gold");
    next_value.extend(encode::<EventCodec>(&plain_event()));

    let (mut decoder, mut batch) = (Decoder::<EventCodec>::new(registry, &topic), EventBatch::default());
    for value in [&value, &next_value] {
        while let Decoded::Miss(schema) = decoder.decode_into(value, None, &mut batch)? {
            decoder.learn(schema).await?;
        }
    }
    assert_eq!(batch.len(), 2);
    let mut again = Vec::new();
    churn_wire::Codec::encode_into(&EventCodec::default(), &batch, 1, &mut again);
    assert_eq!(again, encode::<EventCodec>(&plain_event()));

    for unknown in [i32::MAX, -1] {
        let mut value = Vec::new();
        write_prefix(unknown, &mut value);
        decoder.learn(SchemaRef::Id(unknown)).await?;
        assert_eq!(decoder.decode_into(&value, None, &mut batch).unwrap_err().class, ErrorClass::UnknownSchema);
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_path_is_named_instead_of_calling_every_schema_unknown() -> Result<()> {
    let root = schema_registry().split("/apis").next().context("a URL")?.to_owned();
    let registry = SchemaRegistry::open(&WireConfig { url: root, ..WireConfig::default() })?;
    let error = registry.fetch(SchemaRef::Id(1)).await.unwrap_err();
    assert!(matches!(error, RegistryError::Garbled { .. }), "{error}");
    assert!(error.to_string().contains("schema_registry.url"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_producer_does_not_start_where_the_registry_would_let_an_unreadable_schema_in() -> Result<()> {
    let (registry, topic) = (open()?, fresh_name("wire"));
    let set_rule = async |rule: &str| {
        let url = format!("{}/config/{}", schema_registry(), subject(&topic));
        let body = format!(r#"{{"compatibility": "{rule}"}}"#);
        let request = churn_testkit::http_client().put(url).header("content-type", "application/json").body(body);
        request.send().await?.error_for_status().map(drop)
    };
    registry.register(&subject(&topic), Record::CustomerOutcome.avsc()).await?;
    let error = registry.id_of(&topic, Record::CustomerOutcome).await.unwrap_err();
    assert!(matches!(error, RegistryError::WeakRule { .. }) && error.to_string().contains("churn setup"), "{error}");
    set_rule("BACKWARD").await?;
    let error = registry.id_of(&topic, Record::CustomerOutcome).await.unwrap_err();
    assert!(error.to_string().contains("is BACKWARD, expected FULL_TRANSITIVE"), "{error}");
    register_all(&registry, &[(&topic, Record::CustomerOutcome)]).await?;
    registry.id_of(&topic, Record::CustomerOutcome).await?;
    Ok(())
}
