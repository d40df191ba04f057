// Declarations that the ESP-IDF sample uses, with ESP-IDF's signatures. Only for -fsyntax-only: nothing here does anything.
// Source: espressif/esp-idf v5 components/{esp_app_format,esp_event,esp_http_client,esp_http_server,esp_https_ota,esp_netif,esp_wifi,
// app_update,nvs_flash,freertos} and espressif/esp-protocols components/mdns/include/mdns.h.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int esp_err_t;
#define ESP_OK 0
#define ESP_FAIL -1
#define ESP_ERR_INVALID_SIZE 0x104
#define ESP_ERR_INVALID_VERSION 0x10A
#define ESP_ERR_NVS_NO_FREE_PAGES 0x110D
#define ESP_ERR_NVS_NEW_VERSION_FOUND 0x1110
#define ESP_ERR_HTTPS_OTA_IN_PROGRESS 0x9001
const char *esp_err_to_name(esp_err_t code);
#define ESP_ERROR_CHECK(call) do { esp_err_t failed_ = (call); (void)failed_; } while (0)

void esp_log(const char *tag, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define ESP_LOGI(tag, ...) esp_log(tag, __VA_ARGS__)
#define ESP_LOGW(tag, ...) esp_log(tag, __VA_ARGS__)

typedef struct {
  char version[32];
  char project_name[32];
  char time[16];
  char date[16];
  char idf_ver[32];
} esp_app_desc_t;
const esp_app_desc_t *esp_app_get_description(void);

typedef const char *esp_event_base_t;
typedef void (*esp_event_handler_t)(void *context, esp_event_base_t base, int32_t id, void *data);
#define ESP_EVENT_ANY_ID -1
extern esp_event_base_t WIFI_EVENT, IP_EVENT;
enum { WIFI_EVENT_STA_START = 2, WIFI_EVENT_STA_DISCONNECTED = 5, IP_EVENT_STA_GOT_IP = 0 };
esp_err_t esp_event_loop_create_default(void);
esp_err_t esp_event_handler_register(esp_event_base_t base, int32_t id, esp_event_handler_t handler, void *context);

typedef struct esp_netif_obj esp_netif_t;
typedef struct { uint32_t addr; } esp_ip4_addr_t;
typedef struct { esp_ip4_addr_t ip, netmask, gw; } esp_netif_ip_info_t;
typedef struct { esp_netif_t *esp_netif; esp_netif_ip_info_t ip_info; bool ip_changed; } ip_event_got_ip_t;
#define IPSTR "%d.%d.%d.%d"
#define IP2STR(ip) (int)((ip)->addr & 0xff), (int)((ip)->addr >> 8 & 0xff), (int)((ip)->addr >> 16 & 0xff), (int)((ip)->addr >> 24)
esp_err_t esp_netif_init(void);
esp_netif_t *esp_netif_create_default_wifi_sta(void);
esp_err_t esp_netif_set_hostname(esp_netif_t *netif, const char *hostname);

typedef struct { int magic; } wifi_init_config_t;
#define WIFI_INIT_CONFIG_DEFAULT() {.magic = 0}
typedef enum { WIFI_MODE_STA = 1 } wifi_mode_t;
typedef enum { WIFI_IF_STA = 0 } wifi_interface_t;
typedef union { struct { uint8_t ssid[32]; uint8_t password[64]; } sta; } wifi_config_t;
esp_err_t esp_wifi_init(const wifi_init_config_t *config);
esp_err_t esp_wifi_set_mode(wifi_mode_t mode);
esp_err_t esp_wifi_set_config(wifi_interface_t interface, wifi_config_t *config);
esp_err_t esp_wifi_start(void);
esp_err_t esp_wifi_connect(void);

typedef void *httpd_handle_t;
typedef struct { void *handle; } httpd_req_t;
typedef struct { unsigned task_priority; size_t stack_size; uint16_t server_port; } httpd_config_t;
#define HTTPD_DEFAULT_CONFIG() {.task_priority = 5, .stack_size = 4096, .server_port = 80}
typedef enum { HTTP_GET = 1 } httpd_method_t;
typedef struct { const char *uri; httpd_method_t method; esp_err_t (*handler)(httpd_req_t *request); void *user_ctx; } httpd_uri_t;
esp_err_t httpd_start(httpd_handle_t *handle, const httpd_config_t *config);
esp_err_t httpd_register_uri_handler(httpd_handle_t handle, const httpd_uri_t *uri);
esp_err_t httpd_resp_set_type(httpd_req_t *request, const char *type);
esp_err_t httpd_resp_sendstr(httpd_req_t *request, const char *text);

esp_err_t esp_crt_bundle_attach(void *config);
typedef struct { const char *url; esp_err_t (*crt_bundle_attach)(void *config); } esp_http_client_config_t;
typedef struct { const esp_http_client_config_t *http_config; } esp_https_ota_config_t;
typedef void *esp_https_ota_handle_t;
esp_err_t esp_https_ota_begin(const esp_https_ota_config_t *config, esp_https_ota_handle_t *handle);
esp_err_t esp_https_ota_get_img_desc(esp_https_ota_handle_t handle, esp_app_desc_t *description);
esp_err_t esp_https_ota_perform(esp_https_ota_handle_t handle);
bool esp_https_ota_is_complete_data_received(esp_https_ota_handle_t handle);
esp_err_t esp_https_ota_finish(esp_https_ota_handle_t handle);
esp_err_t esp_https_ota_abort(esp_https_ota_handle_t handle);
esp_err_t esp_ota_mark_app_valid_cancel_rollback(void);
void esp_restart(void) __attribute__((noreturn));

typedef struct { const char *key; const char *value; } mdns_txt_item_t;
esp_err_t mdns_init(void);
esp_err_t mdns_hostname_set(const char *hostname);
esp_err_t mdns_instance_name_set(const char *name);
esp_err_t mdns_service_add(const char *name, const char *type, const char *proto, uint16_t port, mdns_txt_item_t txt[], size_t items);

esp_err_t nvs_flash_init(void);
esp_err_t nvs_flash_erase(void);

typedef uint32_t TickType_t;
typedef int BaseType_t;
typedef void *TaskHandle_t;
#define pdMS_TO_TICKS(ms) ((TickType_t)((ms) / 10))
void vTaskDelay(TickType_t ticks);
BaseType_t xTaskCreate(void (*task)(void *), const char *name, uint32_t stack, void *context, unsigned priority, TaskHandle_t *handle);
