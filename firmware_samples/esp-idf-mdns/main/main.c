// espied firmware sample: an ESP-IDF application that announces a web page by mDNS and fetches its updates itself.
//
// Nothing listens for updates: the board asks CONFIG_ESPIED_UPDATE_URL a minute after its start and then once a day.
// Set the Wi-Fi with `idf.py menuconfig`, menu "Espied sample".

#include <stdio.h>
#include <string.h>

#include "esp_app_desc.h"
#include "esp_crt_bundle.h"
#include "esp_err.h"
#include "esp_event.h"
#include "esp_http_client.h"
#include "esp_http_server.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "esp_netif.h"
#include "esp_ota_ops.h"
#include "esp_system.h"
#include "esp_wifi.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "mdns.h"
#include "nvs_flash.h"
#include "sdkconfig.h"

static const char *TAG = "espied";

enum { HTTP_PORT = 80 };

static const uint32_t FIRST_LOOK_MS = 60 * 1000;
static const uint32_t NEXT_LOOK_MS = 24 * 60 * 60 * 1000;

static esp_err_t show_page(httpd_req_t *request) {
  const esp_app_desc_t *app = esp_app_get_description();
  char page[256];
  snprintf(page, sizeof(page), "%s %s, built %s %s with ESP-IDF %s\n", app->project_name, app->version, app->date, app->time, app->idf_ver);
  httpd_resp_set_type(request, "text/plain");
  return httpd_resp_sendstr(request, page);
}

static void start_page(void) {
  httpd_config_t config = HTTPD_DEFAULT_CONFIG();
  config.server_port = HTTP_PORT;
  httpd_handle_t server = NULL;
  ESP_ERROR_CHECK(httpd_start(&server, &config));
  const httpd_uri_t page = {.uri = "/", .method = HTTP_GET, .handler = show_page};
  ESP_ERROR_CHECK(httpd_register_uri_handler(server, &page));
}

static void announce(void) {
  const esp_app_desc_t *app = esp_app_get_description();
  mdns_txt_item_t txt[] = {
      {"board", CONFIG_IDF_TARGET},
      {"version", app->version},
      {"path", "/"},
  };
  ESP_ERROR_CHECK(mdns_init());
  ESP_ERROR_CHECK(mdns_hostname_set(CONFIG_ESPIED_HOSTNAME));
  ESP_ERROR_CHECK(mdns_instance_name_set("Espied IDF sample"));
  ESP_ERROR_CHECK(mdns_service_add(NULL, "_http", "_tcp", HTTP_PORT, txt, sizeof(txt) / sizeof(txt[0])));
}

static void on_wifi(void *context, esp_event_base_t base, int32_t id, void *data) {
  (void)context;
  (void)base;
  (void)data;
  if (id == WIFI_EVENT_STA_START || id == WIFI_EVENT_STA_DISCONNECTED) {
    esp_wifi_connect();
  }
}

static void on_address(void *context, esp_event_base_t base, int32_t id, void *data) {
  (void)context;
  (void)base;
  (void)id;
  const ip_event_got_ip_t *got = data;
  ESP_LOGI(TAG, "address " IPSTR, IP2STR(&got->ip_info.ip));
  // New firmware that reaches the network is good firmware; without this the next start goes back to the old one.
  esp_ota_mark_app_valid_cancel_rollback();
}

static void join_wifi(void) {
  esp_netif_t *station = esp_netif_create_default_wifi_sta();
  ESP_ERROR_CHECK(esp_netif_set_hostname(station, CONFIG_ESPIED_HOSTNAME));
  const wifi_init_config_t init = WIFI_INIT_CONFIG_DEFAULT();
  ESP_ERROR_CHECK(esp_wifi_init(&init));
  ESP_ERROR_CHECK(esp_event_handler_register(WIFI_EVENT, ESP_EVENT_ANY_ID, on_wifi, NULL));
  ESP_ERROR_CHECK(esp_event_handler_register(IP_EVENT, IP_EVENT_STA_GOT_IP, on_address, NULL));
  wifi_config_t config = {.sta = {.ssid = CONFIG_ESPIED_WIFI_SSID, .password = CONFIG_ESPIED_WIFI_PASSWORD}};
  ESP_ERROR_CHECK(esp_wifi_set_mode(WIFI_MODE_STA));
  ESP_ERROR_CHECK(esp_wifi_set_config(WIFI_IF_STA, &config));
  ESP_ERROR_CHECK(esp_wifi_start());
}

// Take the firmware that is offered, unless it is the one that runs already.
static esp_err_t update(void) {
  const esp_http_client_config_t http = {.url = CONFIG_ESPIED_UPDATE_URL, .crt_bundle_attach = esp_crt_bundle_attach};
  const esp_https_ota_config_t config = {.http_config = &http};
  esp_https_ota_handle_t ota = NULL;
  esp_err_t result = esp_https_ota_begin(&config, &ota);
  if (result != ESP_OK) {
    return result;
  }
  esp_app_desc_t offered;
  result = esp_https_ota_get_img_desc(ota, &offered);
  if (result == ESP_OK && strncmp(offered.version, esp_app_get_description()->version, sizeof(offered.version)) == 0) {
    result = ESP_ERR_INVALID_VERSION;
  }
  if (result == ESP_OK) {
    do {
      result = esp_https_ota_perform(ota);
    } while (result == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
  }
  if (result != ESP_OK || !esp_https_ota_is_complete_data_received(ota)) {
    esp_https_ota_abort(ota);
    return result == ESP_OK ? ESP_ERR_INVALID_SIZE : result;
  }
  return esp_https_ota_finish(ota);
}

static void keep_up_to_date(void *context) {
  (void)context;
  for (uint32_t wait = FIRST_LOOK_MS;; wait = NEXT_LOOK_MS) {
    vTaskDelay(pdMS_TO_TICKS(wait));
    const esp_err_t result = update();
    if (result == ESP_OK) {
      ESP_LOGI(TAG, "update taken, restarting");
      esp_restart();
    }
    ESP_LOGI(TAG, "no update: %s", esp_err_to_name(result));
  }
}

void app_main(void) {
  esp_err_t stored = nvs_flash_init();
  if (stored == ESP_ERR_NVS_NO_FREE_PAGES || stored == ESP_ERR_NVS_NEW_VERSION_FOUND) {
    ESP_ERROR_CHECK(nvs_flash_erase());
    stored = nvs_flash_init();
  }
  ESP_ERROR_CHECK(stored);
  ESP_ERROR_CHECK(esp_netif_init());
  ESP_ERROR_CHECK(esp_event_loop_create_default());
  join_wifi();
  announce();
  start_page();
  if (strlen(CONFIG_ESPIED_UPDATE_URL) > 0) {
    xTaskCreate(keep_up_to_date, "update", 8192, NULL, 5, NULL);
  }
}
