// Findings of analysis with Istio's codes, as istioctl prints them.

export type Level = 'Error' | 'Warning' | 'Info';

/** Codes that we emit: name and level. @see https://istio.io/latest/docs/reference/config/analysis/ */
export const MESSAGE_TYPES = {
  IST0101: { name: 'ReferencedResourceNotFound', level: 'Error' },
  IST0102: { name: 'NamespaceNotInjected', level: 'Info' },
  IST0103: { name: 'PodMissingProxy', level: 'Warning' },
  IST0106: { name: 'SchemaValidationError', level: 'Error' },
  IST0109: { name: 'ConflictingMeshGatewayVirtualServiceHosts', level: 'Error' },
  IST0110: { name: 'ConflictingSidecarWorkloadSelectors', level: 'Error' },
  IST0111: { name: 'MultipleSidecarsWithoutWorkloadSelectors', level: 'Error' },
  IST0112: { name: 'VirtualServiceDestinationPortSelectorRequired', level: 'Error' },
  IST0118: { name: 'PortNameIsNotUnderNamingConvention', level: 'Info' },
  IST0123: { name: 'NamespaceMultipleInjectionLabels', level: 'Warning' },
  IST0127: { name: 'NoMatchingWorkloadsFound', level: 'Warning' },
  IST0128: { name: 'NoServerCertificateVerificationDestinationLevel', level: 'Warning' },
  IST0129: { name: 'NoServerCertificateVerificationPortLevel', level: 'Warning' },
  IST0130: { name: 'VirtualServiceUnreachableRule', level: 'Warning' },
  IST0131: { name: 'VirtualServiceIneffectiveMatch', level: 'Info' },
  IST0132: { name: 'VirtualServiceHostNotFoundInGateway', level: 'Warning' },
  IST0133: { name: 'SchemaWarning', level: 'Warning' },
  IST0145: { name: 'ConflictingGateways', level: 'Error' },
  IST0173: { name: 'DestinationRuleSubsetNotSelectPods', level: 'Error' },
  IST0174: { name: 'UnknownDestinationRuleHost', level: 'Warning' },
} as const satisfies Record<string, { name: string; level: Level }>;

export type MessageCode = keyof typeof MESSAGE_TYPES;

/** The slice of a Kubernetes object that analysis reads. */
export interface AnalysedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name?: string | undefined;
    readonly namespace?: string | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  };
  readonly spec?: unknown;
  readonly status?: unknown;
}

export interface Message {
  readonly code: MessageCode;
  readonly level: Level;
  readonly resource: AnalysedObject;
  /** Field of the resource, or empty. */
  readonly path: string;
  readonly text: string;
}

export const message = (code: MessageCode, resource: AnalysedObject, path: string, text: string): Message => ({
  code,
  level: MESSAGE_TYPES[code].level,
  resource,
  path,
  text,
});

/** `VirtualService default/reviews`; cluster-scoped objects without namespace. */
export function nameOf(resource: AnalysedObject): string {
  const { name = '', namespace } = resource.metadata;
  return `${resource.kind} ${namespace ? `${namespace}/` : ''}${name}`;
}

/** One line as istioctl writes it. @param reference `file:line`, where known */
export function formatMessage(each: Message, reference?: string): string {
  return `${each.level} [${each.code}] (${nameOf(each.resource)}${reference ? ` ${reference}` : ''}) ${each.text}`;
}

/** Key order and names of `istioctl analyze -o json`. */
export function toJson(each: Message, reference?: string): Record<string, string> {
  return {
    code: each.code,
    documentationUrl: `https://istio.io/latest/docs/reference/config/analysis/${each.code.toLowerCase()}/`,
    level: each.level,
    message: each.text,
    origin: nameOf(each.resource),
    ...(reference ? { reference } : {}),
  };
}
