<?php
// What docs/wordpress-plugin.md uses of WordPress and WooCommerce, as small as it can be. Products and orders are
// arrays of what their getters return: SHOP, as JSON. Arguments: the plugin, then hooks to fire, `name:id`; `answer:408`
// lets a proxy on the way answer so, which the service itself does when nothing comes for twenty seconds; `read:/path` reads
// a list.
define( 'ABSPATH', __DIR__ );
define( 'SHOP_SYNC_URL', getenv( 'SHOP_SYNC_URL' ) );
define( 'SHOP_SYNC_TOKEN', getenv( 'SHOP_SYNC_TOKEN' ) );

class WP_Error {
	function __construct( public $code, public $message, public $data = null ) {}
	function get_error_message() { return $this->message; }
	function get_error_data() { return $this->data; }
}
class WC_DateTime extends DateTime {}
class WC_Data {
	function __construct( protected array $values ) {}
	function __call( $name, $_ ) {
		$value = $this->values[ substr( $name, 4 ) ] ?? null;
		return $value !== null && str_starts_with( $name, 'get_date_' ) ? new WC_DateTime( $value ) : $value;
	}
}
class WC_Product extends WC_Data {}
class WC_Order extends WC_Data {
	function get_items( $type ) { return array_map( fn( $one ) => new WC_Order_Item( $one ), $this->values['items'][ $type ] ?? array() ); }
	function get_address( $which ) { return $this->values[ $which ] ?? array(); }
}
class WC_Order_Item extends WC_Data {
	function get_product() { return wc_get_product( $this->values['product_id'] ); }
}
class WC_Customer extends WC_Data {
	function __construct( $id ) { global $shop; parent::__construct( $shop[ $id ] ?? array() ); }
}
class Logger {
	function __call( $level, $given ) { echo "$level {$given[0]}\n"; }
}

function is_wp_error( $it ) { return $it instanceof WP_Error; }
function wp_json_encode( $it ) { return json_encode( $it ); }
function wp_remote_post( $url, $args ) { return remote( 'POST', $url, $args ); }
function wp_remote_get( $url, $args ) { return remote( 'GET', $url, $args ); }
function remote( $method, $url, $args ) {
	global $proxy;
	if ( $proxy ) {
		$said = array( 'success' => false, 'error' => 'The body arrived too slowly. Send it again.' );
		return array( 'head' => array( "HTTP/1.1 $proxy" ), 'body' => json_encode( $said ) );
	}
	$headers = array();
	foreach ( $args['headers'] as $name => $value ) {
		$headers[] = "$name: $value";
	}
	$http = array(
		'method' => $method, 'header' => $headers, 'content' => $args['body'] ?? '', 'ignore_errors' => true, 'timeout' => 60,
	);
	$body = @file_get_contents( $url, false, stream_context_create( array( 'http' => $http ) ) );
	return $body === false ? new WP_Error( 'http', 'no answer' ) : array( 'head' => $http_response_header, 'body' => $body );
}
function wp_remote_retrieve_body( $answer ) { return $answer['body']; }
function wp_remote_retrieve_response_code( $answer ) { return explode( ' ', $answer['head'][0] )[1]; }
function wp_remote_retrieve_header( $answer, $name ) {
	foreach ( $answer['head'] as $line ) {
		if ( stripos( $line, "$name:" ) === 0 ) {
			return trim( substr( $line, strlen( $name ) + 1 ) );
		}
	}
	return '';
}

$hooks = $scheduled = array();
$proxy = null;
$shop  = json_decode( getenv( 'SHOP' ), true );
function add_action( $hook, $do ) { global $hooks; $hooks[ $hook ][] = $do; }
function do_action( $hook, ...$given ) { global $hooks; foreach ( $hooks[ $hook ] as $do ) { $do( ...$given ); } }
function as_enqueue_async_action( $hook, $given ) { global $scheduled; $scheduled[] = array( $hook, $given ); }
function as_schedule_single_action( $when, $hook, $given ) { echo 'again in ' . ( $when - time() ) . "\n"; }
function wc_get_logger() { return new Logger(); }
function wc_get_product( $id ) { global $shop; return isset( $shop[ $id ] ) ? new WC_Product( $shop[ $id ] ) : false; }
function wc_get_order( $id ) { global $shop; return isset( $shop[ $id ] ) ? new WC_Order( $shop[ $id ] ) : false; }

require $argv[1];
foreach ( array_slice( $argv, 2 ) as $fired ) {
	list( $hook, $id ) = explode( ':', $fired, 2 );
	if ( 'read' === $hook ) {
		$read = shop_sync_answer( wp_remote_get( SHOP_SYNC_URL . $id, array( 'headers' => shop_sync_headers() ) ) );
		echo is_wp_error( $read ) ? $read->get_error_message() : json_encode( array_column( $read, 'name' ) ), "\n";
	} elseif ( 'answer' === $hook ) {
		$proxy = (int) $id;
	} else {
		do_action( $hook, (int) $id );
	}
}
do_action( 'shutdown' );
foreach ( $scheduled as list( $hook, $given ) ) {
	echo json_encode( $given ) . "\n";
	do_action( $hook, ...$given );
}
