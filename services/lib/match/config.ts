// The slice of Envoy's RouteConfiguration (v3, canonical proto JSON) that matching reads. The generated xDS types satisfy it.

/** google.protobuf.Duration as JSON (`"1.5s"`) or decoded. */
export type DurationInput =
  | string
  | { readonly seconds?: number | string | undefined; readonly nanos?: number | undefined };

export interface RegexMatcher {
  readonly regex?: string | undefined;
}

/** envoy.type.matcher.v3.StringMatcher */
export interface StringMatcher {
  readonly exact?: string | undefined;
  readonly prefix?: string | undefined;
  readonly suffix?: string | undefined;
  readonly contains?: string | undefined;
  readonly safeRegex?: RegexMatcher | undefined;
  readonly ignoreCase?: boolean | undefined;
}

/** envoy.config.route.v3.HeaderMatcher */
export interface HeaderMatcher {
  readonly name?: string | undefined;
  readonly exactMatch?: string | undefined;
  readonly safeRegexMatch?: RegexMatcher | undefined;
  readonly rangeMatch?:
    | { readonly start?: number | string | undefined; readonly end?: number | string | undefined }
    | undefined;
  readonly presentMatch?: boolean | undefined;
  readonly prefixMatch?: string | undefined;
  readonly suffixMatch?: string | undefined;
  readonly containsMatch?: string | undefined;
  readonly stringMatch?: StringMatcher | undefined;
  readonly invertMatch?: boolean | undefined;
  readonly treatMissingHeaderAsEmpty?: boolean | undefined;
}

/** envoy.config.route.v3.QueryParameterMatcher */
export interface QueryParameterMatcher {
  readonly name?: string | undefined;
  readonly stringMatch?: StringMatcher | undefined;
  readonly presentMatch?: boolean | undefined;
}

export interface RuntimeFraction {
  readonly defaultValue?:
    | {
        readonly numerator?: number | undefined;
        readonly denominator?: 'HUNDRED' | 'TEN_THOUSAND' | 'MILLION' | number | undefined;
      }
    | undefined;
}

export interface RouteMatchConfig {
  readonly prefix?: string | undefined;
  readonly path?: string | undefined;
  readonly safeRegex?: RegexMatcher | undefined;
  readonly pathSeparatedPrefix?: string | undefined;
  readonly connectMatcher?: object | undefined;
  readonly caseSensitive?: { readonly value?: boolean | undefined } | boolean | undefined;
  readonly runtimeFraction?: RuntimeFraction | undefined;
  readonly headers?: readonly HeaderMatcher[] | undefined;
  readonly queryParameters?: readonly QueryParameterMatcher[] | undefined;
  readonly grpc?: object | undefined;
}

export interface RegexRewrite {
  readonly pattern?: RegexMatcher | undefined;
  readonly substitution?: string | undefined;
}

export interface WrappedNumber {
  readonly value?: number | undefined;
}

export interface ClusterWeight {
  readonly name?: string | undefined;
  readonly clusterHeader?: string | undefined;
  readonly weight?: WrappedNumber | number | undefined;
}

/** What a RouteAction says about the choice of cluster and the rewriting of path and host. */
export interface RouteActionConfig {
  readonly cluster?: string | undefined;
  readonly clusterHeader?: string | undefined;
  readonly weightedClusters?:
    | {
        readonly clusters?: readonly ClusterWeight[] | undefined;
        readonly totalWeight?: WrappedNumber | number | undefined;
      }
    | undefined;
  readonly prefixRewrite?: string | undefined;
  readonly regexRewrite?: RegexRewrite | undefined;
  readonly hostRewriteLiteral?: string | undefined;
  readonly hostRewriteHeader?: string | undefined;
  readonly hostRewritePathRegex?: RegexRewrite | undefined;
  readonly appendXForwardedHost?: boolean | undefined;
}

export interface RedirectConfig {
  readonly httpsRedirect?: boolean | undefined;
  readonly schemeRedirect?: string | undefined;
  readonly hostRedirect?: string | undefined;
  readonly portRedirect?: number | undefined;
  readonly pathRedirect?: string | undefined;
  readonly prefixRewrite?: string | undefined;
  readonly regexRewrite?: RegexRewrite | undefined;
  readonly responseCode?: string | number | undefined;
  readonly stripQuery?: boolean | undefined;
}

export interface RouteConfig {
  readonly name?: string | undefined;
  readonly match?: RouteMatchConfig | undefined;
  readonly route?: RouteActionConfig | undefined;
  readonly redirect?: RedirectConfig | undefined;
  readonly directResponse?: { readonly status?: number | undefined } | undefined;
  readonly nonForwardingAction?: object | undefined;
}

export interface VirtualHostConfig {
  readonly name?: string | undefined;
  readonly domains?: readonly string[] | undefined;
  readonly routes?: readonly RouteConfig[] | undefined;
  readonly requireTls?: string | number | undefined;
}

export interface RouteConfigurationConfig {
  readonly name?: string | undefined;
  readonly virtualHosts?: readonly VirtualHostConfig[] | undefined;
  readonly ignorePortInHostMatching?: boolean | undefined;
}
