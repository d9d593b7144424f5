//! The whole HTTP surface on one page.

use actix_web::{
    App, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    web,
};
use chat_protocol::{ErrorCode, Rejection, limits};
use utoipa::OpenApi;
use utoipa_actix_web::{AppExt, scope};
use utoipa_swagger_ui::SwaggerUi;

use crate::{app::Gateway, landing, rest, ws};

/// Everything, for one worker.
pub fn app(
    gateway: web::Data<Gateway>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let enabled = gateway.config.compat.enabled;
    let paths = gateway.config.ws.paths.clone();
    App::new()
        .app_data(gateway)
        .app_data(web::JsonConfig::default().limit(limits::REST_BODY_BYTES).error_handler(rest::body_error))
        .app_data(web::PathConfig::default().error_handler(rest::path_error))
        .app_data(web::QueryConfig::default().error_handler(rest::query_error))
        .into_utoipa_app()
        .openapi(rest::Document::openapi())
        .service(
            scope("/api/v1")
                .service(
                    scope("/auth")
                        .service(rest::auth::sign_up)
                        .service(rest::auth::log_in)
                        .service(rest::auth::refresh)
                        .service(rest::auth::log_out)
                        .service(rest::auth::ticket),
                )
                .service(scope("/users").service(rest::users::me).service(rest::users::find))
                .service(
                    scope("/chat")
                        .service(rest::rooms::list)
                        .service(rest::rooms::open_direct)
                        .service(rest::rooms::create_group)
                        .service(rest::rooms::show)
                        .service(rest::members::list)
                        .service(rest::members::invite)
                        .service(rest::members::leave)
                        .service(rest::messages::history)
                        .service(rest::messages::send)
                        .service(rest::read_marks::mark),
                ),
        )
        .openapi_service(|document| {
            let document = rest::openapi::complete(&document);
            SwaggerUi::new("/api/docs/{_:.*}").external_url_unchecked("/api/openapi.json", document)
        })
        .into_app()
        .service(web::redirect("/api/docs", "/api/docs/"))
        .route("/", web::get().to(landing::landing))
        .configure(move |routes| paths.iter().for_each(|path| ws::configure(path, routes)))
        .configure(|app| compat(app, enabled))
        .default_service(web::to(not_found))
}

/// What front ends of a Spring backend call, under a base of its own.
fn compat(app: &mut web::ServiceConfig, enabled: bool) {
    if enabled {
        ws::configure("/compat/ws/v1/chat", app);
        app.service(rest::compat::scope("/compat/api/v1"));
    }
}

async fn not_found(request: HttpRequest) -> Result<HttpResponse, rest::Problem> {
    Err(rest::Problem(if request.resource_map().has_resource(request.path()) {
        Rejection::new(ErrorCode::MethodNotAllowed, format!("{} is not for this address", request.method()))
    } else {
        Rejection::new(ErrorCode::NotFound, "there is nothing at this address")
    }))
}
