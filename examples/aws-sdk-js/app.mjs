/** Says twice who it is, as any program with the AWS SDK and its default credential chain can. */
import { setTimeout } from 'node:timers/promises'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'

const pauseSeconds = Number(process.argv[2] ?? process.env.PAUSE_SECONDS ?? 7)
const sts = new STSClient({})

const first = await sts.send(new GetCallerIdentityCommand({}))
process.stdout.write(`${first.Arn}\n`)

await setTimeout(pauseSeconds * 1000)

const second = await sts.send(new GetCallerIdentityCommand({}))
process.stdout.write(`${second.Arn}\n`)
