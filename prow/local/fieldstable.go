package local

import "strings"

// row is a verdict on several fields. A path that ends in .* means all below it.
type row struct {
	verdict Verdict
	why     string
	paths   string
}

// Fields is the table of every field that a PodSpec can have. What is honoured was
// seen to be so in pods of podman 4.3.1, which ignores in silence much of what is
// refused and rewritten here.
func Fields() []Field {
	var fields []Field
	for _, r := range rows() {
		for path := range strings.FieldsSeq(r.paths) {
			path, whole := strings.CutSuffix(path, ".*")
			fields = append(fields, Field{Path: path, Whole: whole, Verdict: r.verdict, Why: r.why})
		}
	}
	return fields
}

func rows() []row {
	rows := append(volumeRows(), containerRows()...)
	return append(rows, podRows()...)
}

func volumeRows() []row {
	return []row{
		{Honoured, "", `volumes[].name volumes[].hostPath.path volumes[].hostPath.type`},
		{Rewritten, "podman shares an empty volume with every pod that has one of that name", `volumes[].emptyDir.medium volumes[].emptyDir.sizeLimit`},
		{Rewritten, "from the folder of --secrets", `
			volumes[].secret.secretName volumes[].secret.items[].key volumes[].secret.items[].path volumes[].secret.items[].mode
			volumes[].secret.defaultMode volumes[].secret.optional
			volumes[].configMap.name volumes[].configMap.items[].key volumes[].configMap.items[].path volumes[].configMap.items[].mode
			volumes[].configMap.defaultMode volumes[].configMap.optional
			volumes[].projected.defaultMode
			volumes[].projected.sources[].secret.name volumes[].projected.sources[].secret.optional volumes[].projected.sources[].secret.items[].key
			volumes[].projected.sources[].secret.items[].path volumes[].projected.sources[].secret.items[].mode
			volumes[].projected.sources[].configMap.name volumes[].projected.sources[].configMap.optional volumes[].projected.sources[].configMap.items[].key
			volumes[].projected.sources[].configMap.items[].path volumes[].projected.sources[].configMap.items[].mode`},
		{Refused, "only a cluster has it; give the job a folder in its place: --volume " + volumeName + "=FOLDER", `
			volumes[].persistentVolumeClaim.* volumes[].ephemeral.* volumes[].csi.* volumes[].downwardAPI.*
			volumes[].projected.sources[].downwardAPI.* volumes[].projected.sources[].serviceAccountToken.*
			volumes[].nfs.* volumes[].iscsi.* volumes[].fc.* volumes[].gitRepo.* volumes[].flexVolume.* volumes[].flocker.*
			volumes[].gcePersistentDisk.* volumes[].awsElasticBlockStore.* volumes[].azureFile.* volumes[].azureDisk.*
			volumes[].glusterfs.* volumes[].rbd.* volumes[].cinder.* volumes[].cephfs.* volumes[].vsphereVolume.* volumes[].quobyte.*
			volumes[].photonPersistentDisk.* volumes[].portworxVolume.* volumes[].scaleIO.* volumes[].storageos.*`},
	}
}

func containerRows() []row {
	return []row{
		{Honoured, "", `
			containers[].name containers[].workingDir containers[].tty
			containers[].ports[].name containers[].ports[].hostPort containers[].ports[].containerPort containers[].ports[].protocol containers[].ports[].hostIP
			containers[].env[].name
			containers[].volumeMounts[].name containers[].volumeMounts[].readOnly containers[].volumeMounts[].mountPath containers[].volumeMounts[].mountPropagation
			containers[].securityContext.capabilities.add containers[].securityContext.capabilities.drop containers[].securityContext.privileged
			containers[].securityContext.runAsUser containers[].securityContext.runAsGroup
			containers[].securityContext.readOnlyRootFilesystem containers[].securityContext.allowPrivilegeEscalation`},
		{Rewritten, "the image of the tree, or the one in podman's storage", `containers[].image containers[].imagePullPolicy`},
		{Rewritten, "podman does not expand $(NAME)", `containers[].command containers[].args containers[].env[].value`},
		{Rewritten, "a value takes its place, from the pod or the folder of --secrets", `
			containers[].env[].valueFrom.fieldRef.apiVersion containers[].env[].valueFrom.fieldRef.fieldPath
			containers[].env[].valueFrom.resourceFieldRef.containerName containers[].env[].valueFrom.resourceFieldRef.resource
			containers[].env[].valueFrom.resourceFieldRef.divisor
			containers[].env[].valueFrom.configMapKeyRef.name containers[].env[].valueFrom.configMapKeyRef.key containers[].env[].valueFrom.configMapKeyRef.optional
			containers[].env[].valueFrom.secretKeyRef.name containers[].env[].valueFrom.secretKeyRef.key containers[].env[].valueFrom.secretKeyRef.optional
			containers[].envFrom[].prefix containers[].envFrom[].configMapRef.name containers[].envFrom[].configMapRef.optional
			containers[].envFrom[].secretRef.name containers[].envFrom[].secretRef.optional`},
		{Rewritten, "podman ignores it; a volume of its own takes its place", `containers[].volumeMounts[].subPath containers[].volumeMounts[].subPathExpr`},
		{Rewritten, "cpu and memory are honoured, storage is not bounded, and no other resource is known", `containers[].resources.limits`},
		{Rewritten, "podman ignores it; an annotation takes the place of Unconfined, and the default is a runtime's own", `containers[].securityContext.seccompProfile.type`},
		{Rewritten, "it is checked against runAsUser", `containers[].securityContext.runAsNonRoot`},
		{Dropped, "nothing else is scheduled here", `containers[].resources.requests containers[].resizePolicy.*`},
		{Dropped, "nothing is routed to a job's pod", `containers[].readinessProbe.*`},
		{Dropped, "nobody reads it; the log says it", `containers[].terminationMessagePath containers[].terminationMessagePolicy`},
		{Refused, "podman ignores it, and the job would not run as in the cluster", `
			containers[].livenessProbe.* containers[].startupProbe.* containers[].lifecycle.* containers[].volumeDevices.* containers[].resources.claims.*
			containers[].securityContext.procMount containers[].securityContext.seccompProfile.localhostProfile`},
		{Refused, "nobody is there to type", `containers[].stdin containers[].stdinOnce`},
		{Refused, "podman knows no init container that goes on running", `containers[].restartPolicy`},
		{Refused, "it was not tried on a machine with SELinux", `containers[].securityContext.seLinuxOptions.*`},
		{Refused, "this is Linux", `containers[].securityContext.windowsOptions.*`},
	}
}

func podRows() []row {
	return []row{
		{Honoured, "", `
			restartPolicy terminationGracePeriodSeconds dnsPolicy dnsConfig.nameservers dnsConfig.searches dnsConfig.options[].name dnsConfig.options[].value
			hostNetwork shareProcessNamespace hostname hostAliases[].ip hostAliases[].hostnames
			securityContext.runAsUser securityContext.runAsGroup securityContext.supplementalGroups`},
		{Rewritten, "podman ignores it; it joins supplementalGroups, and volumes are open to all", `securityContext.fsGroup securityContext.fsGroupChangePolicy`},
		{Rewritten, "podman ignores it; an annotation takes the place of Unconfined, and the default is a runtime's own", `securityContext.seccompProfile.type`},
		{Rewritten, "it is checked against runAsUser", `securityContext.runAsNonRoot`},
		{Rewritten, "there is no cluster, so there is never a token", `automountServiceAccountToken`},
		{Dropped, "there is no cluster to have an account in", `serviceAccountName serviceAccount enableServiceLinks`},
		{Dropped, "this machine is the only node", `
			nodeName nodeSelector affinity.* tolerations.* topologySpreadConstraints.* schedulerName schedulingGates.* readinessGates.*
			priority priorityClassName preemptionPolicy overhead os.name`},
		{Dropped, "podman has a runtime of its own", `runtimeClassName`},
		{Dropped, "images come from podman's storage", `imagePullSecrets.*`},
		{Dropped, "pods here have no domain", `subdomain setHostnameAsFQDN`},
		{Refused, "podman ignores it; the job's timeout is decoration_config.timeout", `activeDeadlineSeconds`},
		{Refused, "podman ignores it, and the job would not run as in the cluster", `
			hostPID hostIPC hostUsers ephemeralContainers.* resourceClaims.* securityContext.sysctls.* securityContext.seccompProfile.localhostProfile`},
		{Refused, "it was not tried on a machine with SELinux", `securityContext.seLinuxOptions.*`},
		{Refused, "this is Linux", `securityContext.windowsOptions.*`},
	}
}
