//! A collector in the test's process: takes OTLP over gRPC and keeps every byte.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    logs::v1::LogRecord,
    metrics::v1::Metric,
    resource::v1::Resource,
    trace::v1::Span,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, async_trait, metadata::MetadataMap, transport::Server};
use xchat_proto::Message;

/// Everything that came. Dropping it ends the collector.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    server: JoinHandle<()>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// All requests as they were sent, and their metadata.
    pub(crate) bytes: Vec<u8>,
    /// Each with the name of the service that sent it.
    pub(crate) spans: Vec<(String, Span)>,
    pub(crate) metrics: Vec<(String, Metric)>,
    pub(crate) lines: Vec<(String, LogRecord)>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::<Mutex<Kept>>::default();
        let receiver = Receiver(Arc::clone(&kept));
        let server = Server::builder()
            .add_service(TraceServiceServer::new(receiver.clone()))
            .add_service(MetricsServiceServer::new(receiver.clone()))
            .add_service(LogsServiceServer::new(receiver))
            .serve_with_incoming(TcpListenerStream::new(listener));
        #[allow(clippy::disallowed_methods, reason = "ended when it is dropped")]
        let server = tokio::spawn(async move { server.await.unwrap() });
        Self {
            address,
            kept,
            server,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn kept(&self) -> Kept {
        self.kept.lock().unwrap().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Clone, Debug)]
struct Receiver(Arc<Mutex<Kept>>);

impl Receiver {
    fn keep<M: Message, A: Default>(
        &self,
        request: Request<M>,
        take: impl FnOnce(&mut Kept, M),
    ) -> Response<A> {
        let (metadata, _, message) = request.into_parts();
        let mut kept = self.0.lock().unwrap();
        kept.bytes.extend(message.encode_to_vec());
        kept.bytes.extend(text(&metadata).into_bytes());
        take(&mut kept, message);
        Response::new(A::default())
    }
}

fn text(metadata: &MetadataMap) -> String {
    let mut text = String::new();
    for (name, value) in &metadata.clone().into_headers() {
        writeln!(
            text,
            "{name}: {}",
            String::from_utf8_lossy(value.as_bytes())
        )
        .unwrap();
    }
    text
}

/// Name of the service that a resource stands for.
fn service(resource: Option<Resource>) -> String {
    let attributes = resource.unwrap_or_default().attributes;
    let name = attributes.into_iter().find(|one| one.key == "service.name");
    format!("{:?}", name.and_then(|one| one.value?.value))
}

#[async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(self.keep(request, |kept, message| {
            for of in message.resource_spans {
                let service = service(of.resource);
                let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
                kept.spans.extend(spans.map(|span| (service.clone(), span)));
            }
        }))
    }
}

#[async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(self.keep(request, |kept, message| {
            for of in message.resource_metrics {
                let service = service(of.resource);
                let metrics = of.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
                kept.metrics
                    .extend(metrics.map(|metric| (service.clone(), metric)));
            }
        }))
    }
}

#[async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        Ok(self.keep(request, |kept, message| {
            for of in message.resource_logs {
                let service = service(of.resource);
                let lines = of
                    .scope_logs
                    .into_iter()
                    .flat_map(|scope| scope.log_records);
                kept.lines.extend(lines.map(|line| (service.clone(), line)));
            }
        }))
    }
}
