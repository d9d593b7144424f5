//! The whole HTTP surface on one page.

use std::collections::HashMap;

use actix_cors::Cors;
use actix_web::{
    App, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    http::{Method, header},
    middleware::from_fn,
    web,
};
use chat_protocol::{ErrorCode, Rejection, limits};
use utoipa::OpenApi;
use utoipa_actix_web::{AppExt, scope};
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    app::Gateway,
    browser::{cors, every_answer},
    landing,
    limits::door,
    rest, ws,
};

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
    let (cors_of_api, cors_of_compat) = (cors(&gateway), cors(&gateway));
    let mut methods = Methods::default();
    App::new()
        .app_data(gateway)
        .app_data(web::JsonConfig::default().limit(limits::REST_BODY_BYTES).error_handler(rest::body_error))
        .app_data(web::PathConfig::default().error_handler(rest::path_error))
        .app_data(web::QueryConfig::default().error_handler(rest::query_error))
        .into_utoipa_app()
        .openapi(rest::Document::openapi())
        .service(
            // From the last to the first: CORS also for what the rates refuse.
            scope("/api/v1")
                .wrap(from_fn(door::check))
                .wrap(cors_of_api)
                .service(
                    scope("/auth")
                        .service(rest::auth::sign_up)
                        .service(rest::auth::log_in)
                        .service(rest::auth::refresh)
                        .service(rest::auth::log_out)
                        .service(rest::auth::log_out_everywhere)
                        .service(rest::auth::ticket),
                )
                .service(
                    scope("/users")
                        .service(rest::users::me)
                        .service(rest::users::change_profile)
                        .service(rest::users::change_password)
                        .service(rest::users::find),
                )
                .service(
                    scope("/devices")
                        .service(rest::devices::key)
                        // Not the id of a device.
                        .route("/key", web::route().to(not_found))
                        .service(rest::devices::list)
                        .service(rest::devices::register)
                        .service(rest::devices::remove),
                )
                .service(
                    scope("/chat")
                        .service(rest::rooms::list)
                        .service(rest::rooms::open_direct)
                        .service(rest::rooms::create_group)
                        .service(rest::rooms::show)
                        .service(rest::rooms::update)
                        .service(rest::members::list)
                        .service(rest::members::invite)
                        .service(rest::members::leave)
                        .service(rest::members::join)
                        // Nobody is called me: other methods must not take it for the id of a member.
                        .route("/rooms/{room_id}/members/me", web::route().to(not_found))
                        .service(rest::members::kick)
                        .service(rest::members::change_role)
                        .service(rest::presence::list)
                        .service(rest::messages::history)
                        .service(rest::messages::send)
                        .service(rest::changes::edit)
                        .service(rest::changes::delete)
                        .service(rest::changes::react)
                        .service(rest::changes::take_back)
                        .service(rest::events::list)
                        .service(rest::read_marks::list)
                        .service(rest::read_marks::mark)
                        .service(rest::readers::list)
                        .service(rest::readers::summarise)
                        .service(rest::room_notifications::show)
                        .service(rest::room_notifications::set)
                        .service(rest::search::search),
                )
                .service(
                    scope("/webhooks")
                        .service(rest::webhooks::create)
                        .service(rest::webhooks::list)
                        .service(rest::webhooks::show)
                        .service(rest::webhooks::update)
                        .service(rest::webhooks::remove)
                        .service(rest::webhooks::rotate_secret)
                        .service(rest::webhooks::test)
                        .service(rest::webhooks::replay),
                ),
        )
        .openapi_service(|document| {
            methods = Methods::of(&document);
            let document = rest::openapi::complete(&document);
            SwaggerUi::new("/api/docs/{_:.*}").external_url_unchecked("/api/openapi.json", document)
        })
        .into_app()
        .app_data(methods)
        .service(web::redirect("/api/docs", "/api/docs/"))
        .route("/", web::get().to(landing::landing))
        .configure(move |routes| paths.iter().for_each(|path| ws::configure(path, routes)))
        .configure(|app| compat(app, enabled, cors_of_compat))
        .default_service(web::to(not_found))
        .wrap(from_fn(every_answer))
}

/// What front ends of a Spring backend call, under a base of its own.
fn compat(app: &mut web::ServiceConfig, enabled: bool, cors: Cors) {
    if enabled {
        ws::configure("/compat/ws/v1/chat", app);
        app.service(rest::compat::scope("/compat/api/v1").wrap(cors));
    }
}

/// The methods of each documented address, as in `Allow`.
#[derive(Default)]
struct Methods(HashMap<String, String>);

impl Methods {
    fn of(document: &utoipa::openapi::OpenApi) -> Self {
        let methods = document.paths.paths.iter().map(|(path, item)| {
            let all = [
                (&item.get, "GET, HEAD"),
                (&item.post, "POST"),
                (&item.put, "PUT"),
                (&item.patch, "PATCH"),
                (&item.delete, "DELETE"),
            ];
            let there: Vec<_> = all.into_iter().filter_map(|(there, name)| there.as_ref().map(|_| name)).collect();
            (path.clone(), format!("{}, OPTIONS", there.join(", ")))
        });
        Self(methods.collect())
    }
}

async fn not_found(request: HttpRequest) -> Result<HttpResponse, rest::Problem> {
    if !request.resource_map().has_resource(request.path()) {
        return Err(Rejection::new(ErrorCode::NotFound, "there is nothing at this address").into());
    }
    let methods = request.app_data::<Methods>().zip(request.match_pattern());
    let allowed = methods.and_then(|(methods, pattern)| methods.0.get(&pattern));
    if let (Some(allowed), &Method::OPTIONS) = (allowed, request.method()) {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allowed.as_str())).finish());
    }
    let message = format!("{} is not for this address", request.method());
    // With the error in it: other faces put it into words of their own.
    let problem = rest::Problem(Rejection::new(ErrorCode::MethodNotAllowed, message));
    let mut response = HttpResponse::from_error(problem);
    if let Some(Ok(allowed)) = allowed.map(|allowed| header::HeaderValue::from_str(allowed)) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    Ok(response)
}
